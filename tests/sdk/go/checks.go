package main

// One line per check, `ok …` or `FAILED …`; the runner counts them.

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"github.com/milvus-io/milvus/pkg/v2/util/merr"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	address    = "localhost:19530"
	wrongLogin = "auth check failure, please check username and password are correct"
)

func check(what string, isTrue bool, seen any) {
	if isTrue {
		fmt.Println("ok", what)
	} else {
		fmt.Printf("FAILED %s: got %#v\n", what, seen)
	}
}

func equal(what string, seen, expected any) {
	check(what, reflect.DeepEqual(seen, expected), seen)
}

func succeeded(what string, err error) {
	check(what, err == nil, fmt.Sprint(err))
}

// refused checks for a Status with this code and exactly this reason.
func refused(what string, code int32, reason string, err error) {
	seen := fmt.Sprintf("%d %v", merr.Code(err), err)
	check(what, err != nil && seen == fmt.Sprintf("%d %s", code, reason), seen)
}

// transport checks for a gRPC error with this code and exactly this text.
func transport(what string, code codes.Code, reason string, err error) {
	seen := status.Convert(err)
	check(what, seen.Code() == code && seen.Message() == reason, fmt.Sprint(err))
}

// connect makes a client, or fails within some seconds: New blocks until there is a connection.
func connect(login string) (*milvusclient.Client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	config := &milvusclient.ClientConfig{Address: address, APIKey: login}
	if tlsDir != "" {
		config = trusting("ca.pem", login)
	}
	return milvusclient.New(ctx, config)
}

func logsIn(what, login string) {
	client, err := connect(login)
	succeeded(what, err)
	if err == nil {
		client.Close(context.Background())
	}
}

func doesNotLogIn(what, login string) {
	_, err := connect(login)
	transport(what, codes.Unauthenticated, wrongLogin, err)
}
