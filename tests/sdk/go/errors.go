package main

// The error cases of the page's calls, on the server that page has left, and
// what the page leaves out: bindings, own password, drops.

import (
	"context"
	"strings"

	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"google.golang.org/grpc/codes"
)

const (
	unknownRole = "not found the role, maybe the role isn't existed or internal system error: invalid parameter"
	weak        = "invalid password: three of upper-case letters, lower-case letters, digits and special characters are required: invalid parameter"
)

type clients struct {
	root, user *milvusclient.Client
}

func mustConnect(login string) *milvusclient.Client {
	client, err := connect(login)
	if err != nil {
		panic(err)
	}
	return client
}

func (c clients) createUser(name, password string) error {
	return c.root.CreateUser(context.Background(), milvusclient.NewCreateUserOption(name, password))
}

func (c clients) updatePassword(name, old, new string) error {
	return c.root.UpdatePassword(context.Background(), milvusclient.NewUpdatePasswordOption(name, old, new))
}

func (c clients) grantRole(name, role string) error {
	return c.root.GrantRole(context.Background(), milvusclient.NewGrantRoleOption(name, role))
}

func (c clients) rolesOf(name string) []string {
	user, err := c.root.DescribeUser(context.Background(), milvusclient.NewDescribeUserOption(name))
	if err != nil {
		return []string{"no such user:", err.Error()}
	}
	return user.Roles
}

func errorCases() {
	c := clients{root: mustConnect("root:Milvus"), user: mustConnect("user_1:NewP@ssw0rd")}
	ctx := context.Background()
	defer c.root.Close(ctx)
	defer c.user.Close(ctx)

	doesNotLogIn("wrong password", "root:milvus")
	doesNotLogIn("unknown user", "nobody:P@ssw0rd")
	_, err := connect("")
	transport("no credentials", codes.Unauthenticated, "missing authorization in header", err)
	_, err = connect("no-colon")
	transport("a token that is no login", codes.Unauthenticated,
		"auth check failure, please check api key is correct", err)

	c.badUsers()
	c.badPasswords()
	c.badRoles()
	c.plainUser()
	c.bindingsAndDrops()
}

func (c clients) badUsers() {
	refused("duplicate user", 1100, "user already exists: user_1: invalid parameter", c.createUser("user_1", "P@ssw0rd"))
	refused("bad user name: first character", 1100,
		"invalid user name 1abc, the first character must be a letter, but got 1: invalid parameter", c.createUser("1abc", "P@ssw0rd"))
	refused("bad user name: empty", 1100, "username must be not empty: invalid parameter", c.createUser("", "P@ssw0rd"))
	err := c.createUser("user-2", "P@ssw0rd")
	check("bad user name: other character", err != nil && strings.Contains(err.Error(), "invalid user name user-2"), err)
}

func (c clients) badPasswords() {
	refused("short password", 1100, "invalid password length: invalid parameter[5 out of range 8 <= value <= 64]", c.createUser("user_2", "P@ss1"))
	refused("weak password", 1100, weak, c.createUser("user_2", "password"))
	refused("weak new password", 1100, weak, c.updatePassword("user_1", "NewP@ssw0rd", "newpassword"))
	refused("wrong old password", 1400, "old password not correct for user_1: not authenticated", c.updatePassword("user_1", "P@ssw0rd!", "Another1!"))
	refused("old password of an unknown user", 1400, "old password not correct for nobody: not authenticated", c.updatePassword("nobody", "P@ssw0rd", "Another1!"))
}

func (c clients) badRoles() {
	ctx := context.Background()
	refused("duplicate role", 1100, `role [name:"role_a"] already exists: invalid parameter`,
		c.root.CreateRole(ctx, milvusclient.NewCreateRoleOption("role_a")))
	err := c.root.CreateRole(ctx, milvusclient.NewCreateRoleOption("1role"))
	check("bad role name", err != nil && strings.Contains(err.Error(), "role name"), err)
	refused("binding an unknown role", 1100, unknownRole, c.grantRole("user_1", "nobody"))
	refused("unbinding an unknown role", 1100, unknownRole,
		c.root.RevokeRole(ctx, milvusclient.NewRevokeRoleOption("user_1", "nobody")))
	refused("binding an unknown user", 1100,
		`failed to check if operate user role: user "nobody" not found: invalid parameter`, c.grantRole("nobody", "role_a"))
	refused("dropping an unknown role", 1100, unknownRole,
		c.root.DropRole(ctx, milvusclient.NewDropRoleOption("nobody")))
	refused("dropping admin", 1401, "the role[admin] is a default role, which can't be dropped: privilege not permitted",
		c.root.DropRole(ctx, milvusclient.NewDropRoleOption("admin")))
	refused("dropping root", 1401, "root user cannot be deleted: privilege not permitted",
		c.root.DropUser(ctx, milvusclient.NewDropUserOption("root")))
}

func (c clients) plainUser() {
	ctx := context.Background()
	_, err := c.user.ListUsers(ctx, milvusclient.NewListUserOption())
	transport("a plain user is refused ListUsers", codes.PermissionDenied,
		"PrivilegeSelectOwnership: permission deny to user_1 in the `*` database", err)
	err = c.user.CreateUser(ctx, milvusclient.NewCreateUserOption("user_2", "P@ssw0rd"))
	transport("a plain user is refused CreateUser", codes.PermissionDenied,
		"PrivilegeCreateOwnership: permission deny to user_1 in the `*` database", err)
	user, err := c.user.DescribeUser(ctx, milvusclient.NewDescribeUserOption("user_1"))
	succeeded("a plain user sees himself", err)
	equal("and that he has no roles", user.Roles, []string{})
}

func (c clients) bindingsAndDrops() {
	ctx := context.Background()
	users, err := c.root.ListUsers(ctx, milvusclient.NewListUserOption())
	succeeded("the users are listed again", err)
	equal("nothing of all this left a user", users, []string{"root", "user_1"})

	succeeded("a role is bound", c.grantRole("user_1", "role_a"))
	succeeded("and bound again", c.grantRole("user_1", "role_a"))
	equal("the binding shows", c.rolesOf("user_1"), []string{"role_a"})
	role, err := c.root.DescribeRole(ctx, milvusclient.NewDescribeRoleOption("role_a"))
	succeeded("a role without grants is described", err)
	check("and has none", role.RoleName == "role_a" && len(role.Privileges) == 0, role)
	succeeded("the role is unbound", c.root.RevokeRole(ctx, milvusclient.NewRevokeRoleOption("user_1", "role_a")))
	equal("the binding is gone", c.rolesOf("user_1"), []string{})

	succeeded("a user changes the own password",
		c.user.UpdatePassword(ctx, milvusclient.NewUpdatePasswordOption("user_1", "NewP@ssw0rd", "Third1rd!")))
	_, err = c.user.DescribeUser(ctx, milvusclient.NewDescribeUserOption("user_1"))
	transport("the very next call with the old one is refused", codes.Unauthenticated, wrongLogin, err)
	logsIn("the new one logs in", "user_1:Third1rd!")

	gone := mustConnect("user_1:Third1rd!")
	defer gone.Close(ctx)
	succeeded("a user is dropped", c.root.DropUser(ctx, milvusclient.NewDropUserOption("user_1")))
	succeeded("and dropped again", c.root.DropUser(ctx, milvusclient.NewDropUserOption("user_1")))
	_, err = gone.DescribeUser(ctx, milvusclient.NewDescribeUserOption("user_1"))
	transport("the very next call of a dropped user is refused", codes.Unauthenticated, wrongLogin, err)
	succeeded("a role is dropped", c.root.DropRole(ctx, milvusclient.NewDropRoleOption("role_a")))
	roles, err := c.root.ListRoles(ctx, milvusclient.NewListRoleOption())
	succeeded("the roles are listed again", err)
	equal("only admin is left", roles, []string{"admin"})
}
