package main

// Privilege groups: what they are made of, and what they let a limited user do.

import (
	"context"

	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/milvusclient"
)

const (
	alterable   = "failed to check if privilege group alterable: "
	creatable   = "failed to check if privilege group creatable: privilege group name "
	builtInName = "is defined by built in privileges or privilege groups in system: invalid parameter"
)

var builtIn = []string{
	"ClusterReadOnly", "ClusterReadWrite", "ClusterAdmin", "DatabaseReadOnly", "DatabaseReadWrite", "DatabaseAdmin",
	"CollectionReadOnly", "CollectionReadWrite", "CollectionAdmin",
}

func (c clients) create(group string) error {
	return c.root.CreatePrivilegeGroup(context.Background(), milvusclient.NewCreatePrivilegeGroupOption(group))
}

func (c clients) drop(group string) error {
	return c.root.DropPrivilegeGroup(context.Background(), milvusclient.NewDropPrivilegeGroupOption(group))
}

func (c clients) add(group string, members ...string) error {
	return c.root.AddPrivilegesToGroup(context.Background(), milvusclient.NewAddPrivilegesToGroupOption(group, members...))
}

func (c clients) remove(group string, members ...string) error {
	return c.root.RemovePrivilegesFromGroup(context.Background(), milvusclient.NewRemovePrivilegesFromGroupOption(group, members...))
}

// custom are the groups that are not built in; those stand at the end, in their own order.
func (c clients) custom() []entity.PrivilegeGroup {
	listed, err := c.root.ListPrivilegeGroups(context.Background(), milvusclient.NewListPrivilegeGroupsOption())
	succeeded("the groups are listed", err)
	if len(listed) < len(builtIn) {
		check("the built-in groups are there", false, listed)
		return nil
	}
	own := len(listed) - len(builtIn)
	names := []string{}
	for _, group := range listed[own:] {
		names = append(names, group.GroupName)
	}
	equal("the built-in groups end the list", names, builtIn)
	equal("the content of one", listed[own+3].Privileges, []string{"ShowCollections", "DescribeDatabase"})
	custom := []entity.PrivilegeGroup{}
	for _, group := range listed[:own] {
		custom = append(custom, entity.PrivilegeGroup{GroupName: group.GroupName, Privileges: append([]string{}, group.Privileges...)})
	}
	return custom
}

func group(name string, members ...string) entity.PrivilegeGroup {
	return entity.PrivilegeGroup{GroupName: name, Privileges: append([]string{}, members...)}
}

func (c clients) groups() {
	equal("no custom group at first", c.custom(), []entity.PrivilegeGroup{})
	succeeded("a group is made", c.create("pg_b"))
	succeeded("and another", c.create("pg_a"))
	succeeded("members are added", c.add("pg_a", "Search", "Query"))
	succeeded("and again", c.add("pg_a", "Search"))
	equal("groups and members are listed by name", c.custom(), []entity.PrivilegeGroup{group("pg_a", "Query", "Search"), group("pg_b")})
	succeeded("members are removed", c.remove("pg_a", "Query", "Insert"))
	equal("and gone", c.custom(), []entity.PrivilegeGroup{group("pg_a", "Search"), group("pg_b")})

	refused("a group made twice", 1100, creatable+"[pg_a] is defined by users: invalid parameter", c.create("pg_a"))
	refused("a group named like a built-in one", 1100, creatable+"[ClusterAdmin] "+builtInName, c.create("ClusterAdmin"))
	refused("a group named like a privilege", 1100, creatable+"[Search] "+builtInName, c.create("Search"))
	refused("a bad name: first character", 1402,
		"1pg: invalid privilege group name[privilegeGroup=the first character of a privilege group name %s must be an underscore or letter]", c.create("1pg"))
	refused("a bad name: other character", 1100,
		"privilege group name pg$ can only contain numbers, letters and underscores: invalid parameter", c.create("pg$"))
	refused("an unknown group", 1100,
		alterable+"there is no privilege group name [nothing] defined in system to operate: invalid parameter", c.add("nothing", "Search"))
	refused("a built-in group", 1100,
		alterable+"there is no privilege group name [ClusterAdmin] defined in system to operate: invalid parameter", c.remove("ClusterAdmin", "Expr"))
	refused("no members", 1100, alterable+"privileges is empty when alter the privilege group: invalid parameter", c.add("pg_a"))
	refused("an unknown member", 1100,
		alterable+"there is no privilege name or privilege group name [Nope] defined in system to operate: invalid parameter", c.add("pg_a", "Nope"))
	refused("members of different levels", 1100, alterable+"privileges are not the same privilege level: invalid parameter", c.add("pg_a", "CreateCollection"))
	refused("a group granted by object", 1100,
		"can not operate the custom privilege group [pg_a]: invalid parameter", c.grant(role, "Collection", "pg_a", "c1", ""))
	for _, name := range []string{"pg_a", "pg_b", "pg_b", "ClusterAdmin"} {
		succeeded(name+" is dropped, or there is nothing to drop", c.drop(name))
	}
	equal("no custom group is left", c.custom(), []entity.PrivilegeGroup{})
}

func (c clients) grantedGroup() {
	ctx := context.Background()
	succeeded("a group", c.create("pg_c"))
	succeeded("with a member", c.add("pg_c", "SelectOwnership"))
	c.refusedAllBut("a group that is not granted")
	refused("it is not granted below its level", 1100,
		"dbName and collectionName should be * for the cluster level privilege: pg_c: invalid parameter", c.grantV2(role, "pg_c", "default", "*"))
	succeeded("it is granted", c.grantV2(role, "pg_c", "*", "*"))
	equal("and shows under its own name", c.grants("*"), []entity.GrantItem{item("Global", "*", "*", "pg_c")})
	equal("its holder lists the users", c.userList(), []string{"limited", "root"})
	c.refusedAllBut("a granted group", "SelectOwnership")
	succeeded("the member is removed", c.remove("pg_c", "SelectOwnership"))
	c.refusedAllBut("the member removed: on the next call")
	succeeded("the member is added", c.add("pg_c", "SelectOwnership"))
	equal("allowed on the next call", c.userList(), []string{"limited", "root"})
	refused("a granted group is not dropped", 1100,
		"failed to check if privilege group dropable: privilege group [pg_c] is used by role ["+role+"], Use REVOKE API to revoke it first: invalid parameter", c.drop("pg_c"))
	refused("nor is its role", 1100, hasPrivileges, c.root.DropRole(ctx, milvusclient.NewDropRoleOption(role)))
	succeeded("the group is revoked", c.revokeV2(role, "pg_c", "*", "*"))
	c.refusedAllBut("the group revoked: on the next call")
	succeeded("now it is dropped", c.drop("pg_c"))
	succeeded("and so is the role", c.root.DropRole(ctx, milvusclient.NewDropRoleOption(role)))
	equal("with its binding", c.rolesOf("limited"), []string{})
}
