package main

// Grants of both kinds, what they let a limited user do, and what they do not; on
// the server that errors.go has left, where only root and admin are.

import (
	"context"

	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"google.golang.org/grpc/codes"
)

const (
	role          = "role_p"
	noRole        = `failed to operate privilege common check: the role "nobody" does not exist: invalid parameter`
	badType       = "failed to operate privilege common check: the object entity in the request is nil or invalid: invalid parameter"
	hasPrivileges = "failed to check if drop role: fail to drop the role that it has privileges. Use REVOKE API to revoke privileges: invalid parameter"
)

func (c clients) grant(name, object, privilege, objectName, database string) error {
	return c.root.GrantPrivilege(context.Background(), milvusclient.NewGrantPrivilegeOption(name, object, privilege, objectName).WithDbName(database))
}

func (c clients) revoke(name, object, privilege, objectName, database string) error {
	return c.root.RevokePrivilege(context.Background(), milvusclient.NewRevokePrivilegeOption(name, object, privilege, objectName).WithDbName(database))
}

func (c clients) grantV2(name, privilege, database, collection string) error {
	return c.root.GrantPrivilegeV2(context.Background(), milvusclient.NewGrantPrivilegeV2Option(name, privilege, collection).WithDbName(database))
}

func (c clients) revokeV2(name, privilege, database, collection string) error {
	return c.root.RevokePrivilegeV2(context.Background(), milvusclient.NewRevokePrivilegeV2Option(name, privilege, collection).WithDbName(database))
}

// grants are those of the role in a database, in the server's order; none if it cannot be described.
func (c clients) grants(database string) []entity.GrantItem {
	described, err := c.root.DescribeRole(context.Background(), milvusclient.NewDescribeRoleOption(role).WithDbName(database))
	if err != nil {
		return []entity.GrantItem{{Object: err.Error()}}
	}
	return described.Privileges
}

func item(object, name, database, privilege string) entity.GrantItem {
	return entity.GrantItem{Object: object, ObjectName: name, RoleName: role, Grantor: "root", Privilege: privilege, DbName: database}
}

func denied(what, privilege string, err error) {
	transport(what, codes.PermissionDenied, "Privilege"+privilege+": permission deny to limited in the `*` database", err)
}

// refusedAllBut checks that the limited user is refused everything that needs
// another privilege. None of it changes anything if it comes through by mistake.
func (c clients) refusedAllBut(what string, allowed ...string) {
	ctx := context.Background()
	second := func(_ any, err error) error { return err }
	u := c.user
	calls := []struct {
		privilege, name string
		call            func() error
	}{
		{"CreateOwnership", "CreateUser", func() error { return u.CreateUser(ctx, milvusclient.NewCreateUserOption("1abc", "x")) }},
		{"CreateOwnership", "CreateRole", func() error { return u.CreateRole(ctx, milvusclient.NewCreateRoleOption("1abc")) }},
		{"DropOwnership", "DropUser", func() error { return u.DropUser(ctx, milvusclient.NewDropUserOption("nobody")) }},
		{"DropOwnership", "DropRole", func() error { return u.DropRole(ctx, milvusclient.NewDropRoleOption("nobody")) }},
		{"SelectOwnership", "ListUsers", func() error { return second(u.ListUsers(ctx, milvusclient.NewListUserOption())) }},
		{"SelectOwnership", "ListRoles", func() error { return second(u.ListRoles(ctx, milvusclient.NewListRoleOption())) }},
		{"SelectOwnership", "DescribeRole of the own role", func() error {
			return second(u.DescribeRole(ctx, milvusclient.NewDescribeRoleOption(role)))
		}},
		{"ManageOwnership", "GrantRole", func() error { return u.GrantRole(ctx, milvusclient.NewGrantRoleOption("limited", "nobody")) }},
		{"ManageOwnership", "RevokeRole", func() error { return u.RevokeRole(ctx, milvusclient.NewRevokeRoleOption("limited", "nobody")) }},
		{"ManageOwnership", "GrantPrivilege", func() error {
			return u.GrantPrivilege(ctx, milvusclient.NewGrantPrivilegeOption("nobody", "Global", "All", "*"))
		}},
		{"ManageOwnership", "RevokePrivilege", func() error {
			return u.RevokePrivilege(ctx, milvusclient.NewRevokePrivilegeOption("nobody", "Global", "All", "*"))
		}},
		{"ManageOwnership", "GrantPrivilegeV2", func() error {
			return u.GrantPrivilegeV2(ctx, milvusclient.NewGrantPrivilegeV2Option("nobody", "ClusterAdmin", "*").WithDbName("*"))
		}},
		{"ManageOwnership", "RevokePrivilegeV2", func() error {
			return u.RevokePrivilegeV2(ctx, milvusclient.NewRevokePrivilegeV2Option("nobody", "ClusterAdmin", "*").WithDbName("*"))
		}},
		{"SelectUser", "DescribeUser of another", func() error {
			return second(u.DescribeUser(ctx, milvusclient.NewDescribeUserOption("root")))
		}},
		{"UpdateUser", "UpdatePassword of another", func() error {
			return u.UpdatePassword(ctx, milvusclient.NewUpdatePasswordOption("root", "wrong", "Another1!"))
		}},
		{"CreatePrivilegeGroup", "CreatePrivilegeGroup", func() error {
			return u.CreatePrivilegeGroup(ctx, milvusclient.NewCreatePrivilegeGroupOption("1abc"))
		}},
		{"DropPrivilegeGroup", "DropPrivilegeGroup", func() error {
			return u.DropPrivilegeGroup(ctx, milvusclient.NewDropPrivilegeGroupOption("nothing"))
		}},
		{"ListPrivilegeGroups", "ListPrivilegeGroups", func() error {
			return second(u.ListPrivilegeGroups(ctx, milvusclient.NewListPrivilegeGroupsOption()))
		}},
		{"OperatePrivilegeGroup", "AddPrivilegesToGroup", func() error {
			return u.AddPrivilegesToGroup(ctx, milvusclient.NewAddPrivilegesToGroupOption("nothing", "Search"))
		}},
		{"OperatePrivilegeGroup", "RemovePrivilegesFromGroup", func() error {
			return u.RemovePrivilegesFromGroup(ctx, milvusclient.NewRemovePrivilegesFromGroupOption("nothing", "Search"))
		}},
	}
	may := map[string]bool{}
	for _, privilege := range allowed {
		may[privilege] = true
	}
	for _, each := range calls {
		if !may[each.privilege] {
			denied(what+": refused "+each.name, each.privilege, each.call())
		}
	}
}

// userList is what the limited user sees of the users.
func (c clients) userList() []string {
	users, err := c.user.ListUsers(context.Background(), milvusclient.NewListUserOption())
	if err != nil {
		return []string{err.Error()}
	}
	return users
}

func privileges() {
	ctx := context.Background()
	c := clients{root: mustConnect("root:Milvus")}
	defer c.root.Close(ctx)
	succeeded("a limited user", c.createUser("limited", "P@ssw0rd"))
	succeeded("and a role", c.root.CreateRole(ctx, milvusclient.NewCreateRoleOption(role)))
	succeeded("that is bound", c.grantRole("limited", role))
	c.user = mustConnect("limited:P@ssw0rd")
	defer c.user.Close(ctx)
	c.byObject()
	c.byLevel()
	c.groups()
	c.grantedGroup()
	succeeded("the user is dropped", c.root.DropUser(ctx, milvusclient.NewDropUserOption("limited")))
}

func (c clients) byObject() {
	c.refusedAllBut("a role without grants")
	succeeded("Load is granted", c.grant(role, "Collection", "Load", "c1", ""))
	succeeded("and again", c.grant(role, "Collection", "Load", "c1", "default"))
	load := []entity.GrantItem{
		item("Collection", "c1", "default", "GetLoadState"),
		item("Collection", "c1", "default", "GetLoadingProgress"),
		item("Collection", "c1", "default", "Load"),
	}
	equal("Load brings its related ones", c.grants("*"), load)
	succeeded("of type Global", c.grant(role, "Global", "CreateCollection", "whatever", ""))
	succeeded("of type User", c.grant(role, "User", "SelectUser", "root", "*"))
	succeeded("any privilege", c.grant(role, "Collection", "*", "c1", ""))
	succeeded("in another database", c.grant(role, "Collection", "Flush", "c1", "db1"))
	rest := append([]entity.GrantItem{item("Collection", "c1", "default", "*")}, load...)
	rest = append(rest, item("Global", "*", "default", "CreateCollection"))
	everywhere := item("User", "root", "*", "SelectUser")
	flush := []entity.GrantItem{item("Collection", "c1", "db1", "Flush"), item("Collection", "c1", "db1", "GetFlushState")}
	equal("DescribeRole: order and fields", c.grants("*"), append(append(append([]entity.GrantItem{}, flush...), rest...), everywhere))
	equal("DescribeRole of no database", c.grants(""), append(append([]entity.GrantItem{}, rest...), everywhere))
	equal("DescribeRole of one database", c.grants("db1"), append(append([]entity.GrantItem{}, flush...), everywhere))
	c.refusedAllBut("SelectUser on one user", "SelectUser")
	_, err := c.user.DescribeUser(context.Background(), milvusclient.NewDescribeUserOption("root"))
	succeeded("SelectUser on one user: that one is shown", err)
	_, err = c.user.DescribeUser(context.Background(), milvusclient.NewDescribeUserOption("nobody"))
	denied("SelectUser on one user: no other", "SelectUser", err)
	for _, each := range [][3]string{
		{"Collection", "Load", ""}, {"Collection", "Load", ""}, {"Collection", "*", ""}, {"Global", "CreateCollection", ""}, {"Collection", "Flush", "db1"},
	} {
		succeeded("revoked: "+each[1], c.revoke(role, each[0], each[1], "c1", each[2]))
	}
	equal("the related ones went along", c.grants("*"), []entity.GrantItem{everywhere})
	succeeded("revoked: SelectUser", c.revoke(role, "User", "SelectUser", "root", "*"))
	c.refusedAllBut("all revoked")

	for _, each := range []struct{ what, reason, name, object, privilege string }{
		{"a privilege of another type", "not found the privilege name[CreateOwnership] in object[Collection]: invalid parameter", role, "Collection", "CreateOwnership"},
		{"an unknown type", badType, role, "Nope", "Search"},
		{"a built-in group", "can not operate the built-in privilege group [ClusterAdmin]: invalid parameter", role, "Global", "ClusterAdmin"},
		{"an unknown role", noRole, "nobody", "Collection", "Search"},
	} {
		refused("granting "+each.what, 1100, each.reason, c.grant(each.name, each.object, each.privilege, "c1", ""))
		refused("revoking "+each.what, 1100, each.reason, c.revoke(each.name, each.object, each.privilege, "c1", ""))
	}
}

func (c clients) byLevel() {
	ctx := context.Background()
	succeeded("CreateOwnership in default", c.grantV2(role, "CreateOwnership", "", "*"))
	c.refusedAllBut("CreateOwnership in default only")
	succeeded("CreateOwnership", c.grant(role, "Global", "CreateOwnership", "*", "*"))
	succeeded("a user is made", c.user.CreateUser(ctx, milvusclient.NewCreateUserOption("made_1", "P@ssw0rd")))
	c.refusedAllBut("CreateOwnership", "CreateOwnership")
	succeeded("it is revoked by level", c.revokeV2(role, "CreateOwnership", "*", "*"))
	c.refusedAllBut("revoked: on the next call")
	succeeded("and in default", c.revoke(role, "Global", "CreateOwnership", "*", ""))

	succeeded("SelectOwnership", c.grantV2(role, "SelectOwnership", "*", "*"))
	equal("users are listed", c.userList(), []string{"limited", "made_1", "root"})
	described, err := c.user.DescribeRole(ctx, milvusclient.NewDescribeRoleOption(role).WithDbName("*"))
	succeeded("roles are described", err)
	check("with their grants", described != nil && len(described.Privileges) == 1, described)
	c.refusedAllBut("SelectOwnership", "SelectOwnership")
	succeeded("it is revoked", c.revokeV2(role, "SelectOwnership", "*", "*"))

	succeeded("UpdateUser", c.grantV2(role, "UpdateUser", "*", "made_1"))
	refused("the old password is asked for", 1400, "old password not correct for made_1: not authenticated",
		c.user.UpdatePassword(ctx, milvusclient.NewUpdatePasswordOption("made_1", "wrong", "NewP@ssw0rd")))
	succeeded("a password is set", c.user.UpdatePassword(ctx, milvusclient.NewUpdatePasswordOption("made_1", "P@ssw0rd", "NewP@ssw0rd")))
	logsIn("it logs in", "made_1:NewP@ssw0rd")
	c.refusedAllBut("UpdateUser on one user")
	succeeded("it is revoked", c.revokeV2(role, "UpdateUser", "*", "made_1"))
	succeeded("the user is dropped", c.root.DropUser(ctx, milvusclient.NewDropUserOption("made_1")))

	succeeded("a group", c.grantV2(role, "ClusterReadOnly", "*", "*"))
	equal("is listed under its name", c.grants("*"), []entity.GrantItem{item("Global", "*", "*", "ClusterReadOnly")})
	c.refusedAllBut("ClusterReadOnly", "SelectOwnership", "SelectUser", "ListPrivilegeGroups")
	refused("a role with grants is not dropped", 1100, hasPrivileges, c.root.DropRole(ctx, milvusclient.NewDropRoleOption(role)))
	succeeded("the group is revoked", c.revokeV2(role, "ClusterReadOnly", "*", "*"))
	c.refusedAllBut("the group revoked")

	atLevel := "dbName and collectionName should be * for the cluster level privilege: ClusterAdmin: invalid parameter"
	for _, each := range []struct {
		what   string
		code   int32
		reason string
		err    error
	}{
		{"an unknown privilege", 1100, "not found the privilege name[Nope]: invalid parameter", c.grantV2(role, "Nope", "*", "*")},
		{"an unknown role", 1100, noRole, c.grantV2("nobody", "Search", "*", "*")},
		{"a cluster group in one database", 1100, atLevel, c.grantV2(role, "ClusterAdmin", "default", "*")},
		{"a database group on a collection", 1100, "collectionName should be * for the database level privilege: DatabaseReadOnly: invalid parameter",
			c.grantV2(role, "DatabaseReadOnly", "default", "c1")},
		{"a collection group on a collection of all databases", 1100,
			"please specify database name for the collection level privilege: CollectionReadOnly: invalid parameter", c.grantV2(role, "CollectionReadOnly", "*", "c1")},
		{"no collection", 1100, "collection name should be not empty: invalid parameter[expected=not empty][actual=]", c.grantV2(role, "Search", "default", "")},
		{"a bad database name", 802, "the first character of a database name must be an underscore or letter: invalid database name[database=1db]",
			c.grantV2(role, "Search", "1db", "c1")},
	} {
		refused("granting by level: "+each.what, each.code, each.reason, each.err)
	}
	equal("nothing of all this left a grant", c.grants("*"), []entity.GrantItem{})
}
