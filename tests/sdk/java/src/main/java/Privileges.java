import io.milvus.v2.client.MilvusClientV2;
import io.milvus.v2.service.rbac.request.AddPrivilegesToGroupReq;
import io.milvus.v2.service.rbac.request.CreatePrivilegeGroupReq;
import io.milvus.v2.service.rbac.request.CreateRoleReq;
import io.milvus.v2.service.rbac.request.CreateUserReq;
import io.milvus.v2.service.rbac.request.DescribeRoleReq;
import io.milvus.v2.service.rbac.request.DescribeUserReq;
import io.milvus.v2.service.rbac.request.DropPrivilegeGroupReq;
import io.milvus.v2.service.rbac.request.DropRoleReq;
import io.milvus.v2.service.rbac.request.DropUserReq;
import io.milvus.v2.service.rbac.request.GrantPrivilegeReq;
import io.milvus.v2.service.rbac.request.GrantPrivilegeReqV2;
import io.milvus.v2.service.rbac.request.GrantRoleReq;
import io.milvus.v2.service.rbac.request.ListPrivilegeGroupsReq;
import io.milvus.v2.service.rbac.request.RemovePrivilegesFromGroupReq;
import io.milvus.v2.service.rbac.request.RevokePrivilegeReq;
import io.milvus.v2.service.rbac.request.RevokePrivilegeReqV2;
import io.milvus.v2.service.rbac.request.RevokeRoleReq;
import io.milvus.v2.service.rbac.request.UpdatePasswordReq;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Grants of both kinds, what they let a limited user do, and what they do not; on the server that
 * Errors has left, where only root and admin are.
 */
final class Privileges {
    static final String ROLE = "role_p";
    private static final String NO_ROLE = "failed to operate privilege common check: the role \"nobody\" does not"
            + " exist: invalid parameter";
    private static final String HAS_GRANTS = "failed to check if drop role: fail to drop the role that it has"
            + " privileges. Use REVOKE API to revoke privileges: invalid parameter";

    final MilvusClientV2 client = Checks.connect("root:Milvus");
    final MilvusClientV2 user;

    private Privileges() {
        createUser(client, "limited", "P@ssw0rd");
        client.createRole(CreateRoleReq.builder().roleName(ROLE).build());
        client.grantRole(GrantRoleReq.builder().userName("limited").roleName(ROLE).build());
        user = Checks.connect("limited:P@ssw0rd");
    }

    static void run() {
        Privileges privileges = new Privileges();
        privileges.byObject();
        privileges.clusterLevel();
        privileges.byLevel();
        Groups.run(privileges);
        privileges.force();
        privileges.client.close();
        privileges.user.close();
    }

    static void createUser(MilvusClientV2 by, String name, String password) {
        by.createUser(CreateUserReq.builder().userName(name).password(password).build());
    }

    static void grant(MilvusClientV2 by, String role, String type, String privilege, String name) {
        by.grantPrivilege(GrantPrivilegeReq.builder().roleName(role).objectType(type).privilege(privilege)
                .objectName(name).build());
    }

    static void revoke(MilvusClientV2 by, String role, String type, String privilege, String name) {
        by.revokePrivilege(RevokePrivilegeReq.builder().roleName(role).objectType(type).privilege(privilege)
                .objectName(name).build());
    }

    static void grantV2(MilvusClientV2 by, String role, String privilege, String database, String collection) {
        by.grantPrivilegeV2(GrantPrivilegeReqV2.builder().roleName(role).privilege(privilege).dbName(database)
                .collectionName(collection).build());
    }

    static void revokeV2(MilvusClientV2 by, String role, String privilege, String database, String collection) {
        by.revokePrivilegeV2(RevokePrivilegeReqV2.builder().roleName(role).privilege(privilege).dbName(database)
                .collectionName(collection).build());
    }

    private static void updatePassword(MilvusClientV2 by, String name, String old, String wanted) {
        by.updatePassword(UpdatePasswordReq.builder().userName(name).password(old).newPassword(wanted).build());
    }

    private static List<String> rolesOf(MilvusClientV2 by, String name) {
        return by.describeUser(DescribeUserReq.builder().userName(name).build()).getRoles();
    }

    /** The grants of the role, each as `type object database privilege grantor`, in the server's order. */
    static List<String> grants(MilvusClientV2 by, String database) {
        return by.describeRole(DescribeRoleReq.builder().roleName(ROLE).dbName(database).build()).getGrantInfos()
                .stream()
                .map(each -> String.join(" ", each.getObjectType(), each.getObjectName(), each.getDbName(),
                        each.getPrivilege(), each.getGrantor()))
                .collect(Collectors.toList());
    }

    static void denied(String what, String privilege, Runnable call) {
        Checks.transport(what, "PERMISSION_DENIED: Privilege" + privilege
                + ": permission deny to limited in the `*` database", call);
    }

    /** What needs which privilege. None of it changes anything if it comes through by mistake. */
    private Map<String, Map<String, Runnable>> calls() {
        Map<String, Map<String, Runnable>> calls = new LinkedHashMap<>();
        calls.put("CreateOwnership", Map.of(
                "createUser", () -> createUser(user, "1abc", "x"),
                "createRole", () -> user.createRole(CreateRoleReq.builder().roleName("1abc").build())));
        calls.put("DropOwnership", Map.of(
                "dropUser", () -> user.dropUser(DropUserReq.builder().userName("nobody").build()),
                "dropRole", () -> user.dropRole(DropRoleReq.builder().roleName("nobody").build())));
        calls.put("SelectOwnership", Map.of(
                "listUsers", user::listUsers,
                "listRoles", user::listRoles,
                "describeRole of another",
                () -> user.describeRole(DescribeRoleReq.builder().roleName("admin").build())));
        calls.put("ManageOwnership", Map.of(
                "grantRole",
                () -> user.grantRole(GrantRoleReq.builder().userName("limited").roleName("nobody").build()),
                "revokeRole",
                () -> user.revokeRole(RevokeRoleReq.builder().userName("limited").roleName("nobody").build()),
                "grantPrivilege", () -> grant(user, "nobody", "Global", "All", "*"),
                "revokePrivilege", () -> revoke(user, "nobody", "Global", "All", "*"),
                "grantPrivilegeV2", () -> grantV2(user, "nobody", "ClusterAdmin", "*", "*"),
                "revokePrivilegeV2", () -> revokeV2(user, "nobody", "ClusterAdmin", "*", "*")));
        calls.put("SelectUser", Map.of("describeUser of another", () -> rolesOf(user, "root")));
        calls.put("UpdateUser", Map.of(
                "updatePassword of another", () -> updatePassword(user, "root", "wrong", "Another1!")));
        calls.put("CreatePrivilegeGroup", Map.of("createPrivilegeGroup",
                () -> user.createPrivilegeGroup(CreatePrivilegeGroupReq.builder().groupName("1abc").build())));
        calls.put("DropPrivilegeGroup", Map.of("dropPrivilegeGroup",
                () -> user.dropPrivilegeGroup(DropPrivilegeGroupReq.builder().groupName("nothing").build())));
        calls.put("ListPrivilegeGroups", Map.of("listPrivilegeGroups",
                () -> user.listPrivilegeGroups(ListPrivilegeGroupsReq.builder().build())));
        calls.put("OperatePrivilegeGroup", Map.of(
                "addPrivilegesToGroup",
                () -> user.addPrivilegesToGroup(AddPrivilegesToGroupReq.builder().groupName("nothing")
                        .privileges(List.of("Search")).build()),
                "removePrivilegesFromGroup",
                () -> user.removePrivilegesFromGroup(RemovePrivilegesFromGroupReq.builder().groupName("nothing")
                        .privileges(List.of("Search")).build())));
        return calls;
    }

    /** The limited user is refused everything that needs another privilege than these. */
    void refusedAllBut(String what, String... allowed) {
        calls().forEach((privilege, calls) -> {
            if (!List.of(allowed).contains(privilege)) {
                calls.forEach((name, call) -> denied(what + ": refused " + name, privilege, call));
            }
        });
    }

    private void byObject() {
        refusedAllBut("a role without grants");
        grant(client, ROLE, "Collection", "Load", "c1");
        grant(client, ROLE, "Collection", "Load", "c1");
        List<String> load = List.of("Collection c1 default GetLoadState root",
                "Collection c1 default GetLoadingProgress root", "Collection c1 default Load root");
        Checks.equal("grantPrivilege of Load, twice, brings its related ones", grants(client, "*"), load);
        grant(client, ROLE, "Global", "CreateCollection", "whatever");
        grant(client, ROLE, "User", "SelectUser", "root");
        grant(client, ROLE, "Collection", "*", "c1");
        grantV2(client, ROLE, "Flush", "db1", "c1");
        grantV2(client, ROLE, "SelectUser", "*", "made_1");
        Checks.equal("describeRole of all databases: order and fields", grants(client, "*"), List.of(
                "Collection c1 db1 Flush root", "Collection c1 db1 GetFlushState root",
                "Collection c1 default * root", load.get(0), load.get(1), load.get(2),
                "Global * default CreateCollection root", "User made_1 * SelectUser root",
                "User root default SelectUser root"));
        Checks.equal("describeRole of one database", grants(client, "db1"), List.of("Collection c1 db1 Flush root",
                "Collection c1 db1 GetFlushState root", "User made_1 * SelectUser root"));
        denied("a grant in default gives no cluster right", "SelectUser", () -> rolesOf(user, "root"));
        Checks.equal("one in all databases does, for that user", rolesOf(user, "made_1"), List.of());
        revoke(client, ROLE, "Collection", "Load", "c1");
        revoke(client, ROLE, "Collection", "Load", "c1");
        revoke(client, ROLE, "Global", "CreateCollection", "anything");
        revoke(client, ROLE, "User", "SelectUser", "root");
        revoke(client, ROLE, "Collection", "*", "c1");
        revokeV2(client, ROLE, "Flush", "db1", "c1");
        revokeV2(client, ROLE, "SelectUser", "*", "made_1");
        Checks.equal("revoked, the related ones go along", grants(client, "*"), List.of());
        refusedAllBut("all revoked");
        String badType = "failed to operate privilege common check: the object entity in the request is nil or"
                + " invalid: invalid parameter";
        for (String[] each : new String[][] {
            {"not found the privilege name[CreateOwnership] in object[Collection]: invalid parameter", ROLE,
                "Collection", "CreateOwnership"},
            {badType, ROLE, "Nope", "Search"},
            {"can not operate the built-in privilege group [ClusterAdmin]: invalid parameter", ROLE, "Global",
                "ClusterAdmin"},
            {NO_ROLE, "nobody", "Collection", "Search"},
        }) {
            Checks.refused("grantPrivilege: " + each[3] + " to " + each[1], 1100, each[0],
                    () -> grant(client, each[1], each[2], each[3], "c1"));
            Checks.refused("revokePrivilege: " + each[3] + " of " + each[1], 1100, each[0],
                    () -> revoke(client, each[1], each[2], each[3], "c1"));
        }
    }

    private void clusterLevel() {
        grant(client, ROLE, "Global", "CreateOwnership", "*");
        refusedAllBut("CreateOwnership in default only");
        grantV2(client, ROLE, "CreateOwnership", "*", "*");
        createUser(user, "made_1", "P@ssw0rd");
        Checks.equal("CreateOwnership: a user is made", client.listUsers(), List.of("limited", "made_1", "root"));
        refusedAllBut("CreateOwnership", "CreateOwnership");
        revokeV2(client, ROLE, "CreateOwnership", "*", "*");
        refusedAllBut("revoked: on the next call");
        revoke(client, ROLE, "Global", "CreateOwnership", "*");
        grantV2(client, ROLE, "SelectOwnership", "*", "*");
        Checks.equal("SelectOwnership: users", user.listUsers(), List.of("limited", "made_1", "root"));
        Checks.equal("SelectOwnership: roles", user.listRoles(), List.of("admin", ROLE));
        Checks.equal("SelectOwnership: grants", grants(user, "*"), List.of("Global * * SelectOwnership root"));
        refusedAllBut("SelectOwnership", "SelectOwnership");
        revokeV2(client, ROLE, "SelectOwnership", "*", "*");
        grantV2(client, ROLE, "UpdateUser", "*", "made_1");
        Checks.refused("UpdateUser: the old password is asked for", 1400,
                "old password not correct for made_1: not authenticated",
                () -> updatePassword(user, "made_1", "wrong", "NewP@ssw0rd"));
        updatePassword(user, "made_1", "P@ssw0rd", "NewP@ssw0rd");
        Checks.logsIn("UpdateUser: the new password logs in", "made_1", "NewP@ssw0rd");
        refusedAllBut("UpdateUser on one user");
        revokeV2(client, ROLE, "UpdateUser", "*", "made_1");
        client.dropUser(DropUserReq.builder().userName("made_1").build());
    }

    private void byLevel() {
        grantV2(client, ROLE, "ClusterReadOnly", "*", "*");
        Checks.equal("a group is listed under its name", grants(client, "*"),
                List.of("Global * * ClusterReadOnly root"));
        refusedAllBut("ClusterReadOnly", "SelectOwnership", "SelectUser", "ListPrivilegeGroups");
        revokeV2(client, ROLE, "ClusterReadOnly", "*", "*");
        refusedAllBut("the group revoked");
        String atLevel = "collectionName should be * for the database level privilege: DatabaseReadOnly";
        for (String[] each : new String[][] {
            {"1100", "not found the privilege name[Nope]: invalid parameter", ROLE, "Nope", "*", "*"},
            {"1100", NO_ROLE, "nobody", "Search", "*", "*"},
            {"1100", "dbName and collectionName should be * for the cluster level privilege: ClusterAdmin: invalid"
                + " parameter", ROLE, "ClusterAdmin", "default", "*"},
            {"1100", atLevel + ": invalid parameter", ROLE, "DatabaseReadOnly", "default", "c1"},
            {"1100", "please specify database name for the collection level privilege: CollectionReadOnly: invalid"
                + " parameter", ROLE, "CollectionReadOnly", "*", "c1"},
            {"802", "the first character of a database name must be an underscore or letter: invalid database"
                + " name[database=1db]", ROLE, "Search", "1db", "c1"},
        }) {
            Checks.refused("grantPrivilegeV2: " + each[3] + " in " + each[4] + " to " + each[2],
                    Integer.parseInt(each[0]), each[1], () -> grantV2(client, each[2], each[3], each[4], each[5]));
        }
        Checks.equal("nothing of all this left a grant", grants(client, "*"), List.of());
    }

    private void force() {
        grantV2(client, ROLE, "SelectOwnership", "*", "*");
        Checks.refused("dropRole: it has grants", 1100, HAS_GRANTS,
                () -> client.dropRole(DropRoleReq.builder().roleName(ROLE).build()));
        Checks.equal("and it stays", user.listRoles(), List.of("admin", ROLE));
        client.dropRole(DropRoleReq.builder().roleName(ROLE).forceDrop(true).build());
        Checks.equal("dropRole by force: the binding is gone", rolesOf(client, "limited"), List.of());
        refusedAllBut("dropRole by force");
        client.createRole(CreateRoleReq.builder().roleName(ROLE).build());
        Checks.equal("made again, the role has no grants", grants(client, "*"), List.of());
        client.dropRole(DropRoleReq.builder().roleName(ROLE).build());
        client.dropUser(DropUserReq.builder().userName("limited").build());
        Checks.equal("only root is left, again", client.listUsers(), List.of("root"));
    }
}
