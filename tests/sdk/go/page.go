package main

// The Go snippets of the page "Create Users & Roles", in its order. Between the
// lines `snippet` and `end of snippet` stands the page's text, but for what a
// comment `repaired:` names. The checks stand outside.

// snippet: Create a user
import (
	"context"
	"fmt"

	"github.com/milvus-io/milvus/client/v2/milvusclient"
)

// repaired: the page goes on at top level, where Go allows no statements
func page() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	client, err := milvusclient.New(ctx, &milvusclient.ClientConfig{
		Address: "localhost:19530",
		APIKey:  "root:Milvus",
	})
	if err != nil {
		fmt.Println(err.Error())
		// handle error
	}
	defer client.Close(ctx)

	err = client.CreateUser(ctx, milvusclient.NewCreateUserOption("user_1", "P@ssw0rd"))
	if err != nil {
		fmt.Println(err.Error())
		// handle error
	}
	// end of snippet

	succeeded("page: a user is made", err)
	logsIn("page: the new user logs in", "user_1:P@ssw0rd")

	// snippet: Update password
	err = client.UpdatePassword(ctx, milvusclient.NewUpdatePasswordOption("user_1", "P@ssw0rd", "NewP@ssw0rd"))
	if err != nil {
		fmt.Println(err.Error())
		// handle error
	}
	// end of snippet

	succeeded("page: the password is updated", err)
	logsIn("page: the user logs in with the new password", "user_1:NewP@ssw0rd")
	doesNotLogIn("page: and no longer with the old one", "user_1:P@ssw0rd")

	// snippet: List users
	users, err := client.ListUsers(ctx, milvusclient.NewListUserOption())
	if err != nil {
		fmt.Println(err.Error())
		// handle error
	}
	// end of snippet

	succeeded("page: the users are listed", err)
	equal("page: ListUsers is the page's sample", users, []string{"root", "user_1"})

	// snippet: Create a role
	err = client.CreateRole(ctx, milvusclient.NewCreateRoleOption("role_a"))
	if err != nil {
		fmt.Println(err.Error())
		// handle error
	}
	// end of snippet

	succeeded("page: a role is made", err)

	// snippet: List roles
	roles, err := client.ListRoles(ctx, milvusclient.NewListRoleOption())
	if err != nil {
		fmt.Println(err.Error())
		// handle error
	}
	// end of snippet

	succeeded("page: the roles are listed", err)
	equal("page: ListRoles is the page's sample", roles, []string{"admin", "role_a"})

	// What the page says in words.
	root, err := client.DescribeUser(ctx, milvusclient.NewDescribeUserOption("root"))
	succeeded("page: root is described", err)
	equal("page: the default role of root is admin", root.Roles, []string{"admin"})
}
