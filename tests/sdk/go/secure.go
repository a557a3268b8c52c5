package main

// Over TLS: whose certificate is believed, and what the page would have left, made over an
// encrypted connection. The cases that follow use such connections, too.

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/milvus-io/milvus/client/v2/milvusclient"
)

// tlsDir is where the certificates are; empty in plain text.
var tlsDir = os.Getenv("SDK_TLS_DIR")

// trusting makes a configuration that believes this authority and no other.
func trusting(authority, login string) *milvusclient.ClientConfig {
	tls, err := milvusclient.BuildTLSConfig(filepath.Join(tlsDir, authority), "", "")
	if err != nil {
		panic(err)
	}
	config := &milvusclient.ClientConfig{Address: "https://" + address, APIKey: login}
	return config.WithTLSConfig(tls)
}

func secure() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	_, err := milvusclient.New(ctx, trusting("other-ca.pem", "root:Milvus"))
	cancel()
	check("TLS: another authority is not believed", err != nil && !strings.Contains(err.Error(), "auth check"), err)
	ctx, cancel = context.WithTimeout(context.Background(), 3*time.Second)
	_, err = milvusclient.New(ctx, &milvusclient.ClientConfig{Address: address, APIKey: "root:Milvus"})
	cancel()
	check("TLS: plain text is not served", err != nil, err)

	client := mustConnect("root:Milvus")
	ctx = context.Background()
	defer client.Close(ctx)
	succeeded("TLS: a user is made", client.CreateUser(ctx, milvusclient.NewCreateUserOption("user_1", "NewP@ssw0rd")))
	succeeded("TLS: a role is made", client.CreateRole(ctx, milvusclient.NewCreateRoleOption("role_a")))
	users, err := client.ListUsers(ctx, milvusclient.NewListUserOption())
	succeeded("TLS: the users are listed", err)
	equal("TLS: both of them", users, []string{"root", "user_1"})
}
