import io.milvus.v2.client.MilvusClientV2;
import io.milvus.v2.service.rbac.request.AddPrivilegesToGroupReq;
import io.milvus.v2.service.rbac.request.CreatePrivilegeGroupReq;
import io.milvus.v2.service.rbac.request.DropPrivilegeGroupReq;
import io.milvus.v2.service.rbac.request.ListPrivilegeGroupsReq;
import io.milvus.v2.service.rbac.request.RemovePrivilegesFromGroupReq;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Privilege groups: what they are made of, and what they let the limited user of Privileges do. */
final class Groups {
    private static final String CREATABLE = "failed to check if privilege group creatable: privilege group name ";
    private static final String ALTERABLE = "failed to check if privilege group alterable: ";
    private static final List<String> BUILT_IN = List.of("ClusterReadOnly", "ClusterReadWrite", "ClusterAdmin",
            "DatabaseReadOnly", "DatabaseReadWrite", "DatabaseAdmin", "CollectionReadOnly", "CollectionReadWrite",
            "CollectionAdmin");

    private final Privileges privileges;
    private final MilvusClientV2 client;

    private Groups(Privileges privileges) {
        this.privileges = privileges;
        this.client = privileges.client;
    }

    static void run(Privileges privileges) {
        Groups groups = new Groups(privileges);
        groups.members();
        groups.refusals();
        groups.granted();
    }

    private void create(String name) {
        client.createPrivilegeGroup(CreatePrivilegeGroupReq.builder().groupName(name).build());
    }

    private void drop(String name) {
        client.dropPrivilegeGroup(DropPrivilegeGroupReq.builder().groupName(name).build());
    }

    private void add(String name, String... members) {
        client.addPrivilegesToGroup(
                AddPrivilegesToGroupReq.builder().groupName(name).privileges(List.of(members)).build());
    }

    private void remove(String name, String... members) {
        client.removePrivilegesFromGroup(
                RemovePrivilegesFromGroupReq.builder().groupName(name).privileges(List.of(members)).build());
    }

    /** All groups, each as `name [member, member]`, in the server's order. */
    private List<String> listed() {
        return client.listPrivilegeGroups(ListPrivilegeGroupsReq.builder().build()).getPrivilegeGroups().stream()
                .map(each -> each.getGroupName() + " " + new ArrayList<>(each.getPrivileges()))
                .collect(Collectors.toList());
    }

    private static List<String> names(List<String> listed) {
        return listed.stream().map(each -> each.split(" ")[0]).collect(Collectors.toList());
    }

    private void members() {
        Checks.equal("the built-in groups", names(listed()), BUILT_IN);
        Checks.equal("the content of one", listed().get(3), "DatabaseReadOnly [ShowCollections, DescribeDatabase]");
        create("pg_b");
        create("pg_a");
        add("pg_a", "Search", "Query");
        add("pg_a", "Search");
        Checks.equal("groups and members are listed by name", listed().subList(0, 2),
                List.of("pg_a [Query, Search]", "pg_b []"));
        Checks.equal("and the built-in ones after them", names(listed()).subList(2, 11), BUILT_IN);
        remove("pg_a", "Query", "Insert");
        Checks.equal("a removed member is gone", listed().get(0), "pg_a [Search]");
    }

    private void refusals() {
        String builtIn = "is defined by built in privileges or privilege groups in system: invalid parameter";
        Checks.refused("a group made twice", 1100, CREATABLE + "[pg_a] is defined by users: invalid parameter",
                () -> create("pg_a"));
        Checks.refused("a group named like a built-in one", 1100, CREATABLE + "[ClusterAdmin] " + builtIn,
                () -> create("ClusterAdmin"));
        Checks.refused("a group named like a privilege", 1100, CREATABLE + "[Search] " + builtIn,
                () -> create("Search"));
        Checks.refused("a bad name: first character", 1402, "1pg: invalid privilege group name[privilegeGroup=the"
                + " first character of a privilege group name %s must be an underscore or letter]",
                () -> create("1pg"));
        Checks.refused("a bad name: other character", 1100,
                "privilege group name pg$ can only contain numbers, letters and underscores: invalid parameter",
                () -> create("pg$"));
        Checks.refused("an unknown group", 1100, ALTERABLE + "there is no privilege group name [nothing] defined in"
                + " system to operate: invalid parameter", () -> add("nothing", "Search"));
        Checks.refused("a built-in group", 1100, ALTERABLE + "there is no privilege group name [ClusterAdmin] defined"
                + " in system to operate: invalid parameter", () -> remove("ClusterAdmin", "Expr"));
        Checks.refused("an unknown member", 1100, ALTERABLE + "there is no privilege name or privilege group name"
                + " [Nope] defined in system to operate: invalid parameter", () -> add("pg_a", "Nope"));
        Checks.refused("members of different levels", 1100,
                ALTERABLE + "privileges are not the same privilege level: invalid parameter",
                () -> add("pg_a", "CreateCollection"));
        Checks.refused("a group granted by object", 1100,
                "can not operate the custom privilege group [pg_a]: invalid parameter",
                () -> Privileges.grant(client, Privileges.ROLE, "Collection", "pg_a", "c1"));
        drop("pg_a");
        drop("pg_b");
        drop("pg_b");
        drop("ClusterAdmin");
        Checks.equal("dropping an unknown or built-in group changes nothing", names(listed()), BUILT_IN);
    }

    private void granted() {
        create("pg_c");
        add("pg_c", "SelectOwnership");
        privileges.refusedAllBut("a group that is not granted");
        Checks.refused("a group is not granted below its level", 1100,
                "dbName and collectionName should be * for the cluster level privilege: pg_c: invalid parameter",
                () -> Privileges.grantV2(client, Privileges.ROLE, "pg_c", "default", "*"));
        Privileges.grantV2(client, Privileges.ROLE, "pg_c", "*", "*");
        Checks.equal("a custom group is listed under its name", Privileges.grants(client, "*"),
                List.of("Global * * pg_c root"));
        Checks.equal("its holder lists the users", privileges.user.listUsers(), List.of("limited", "root"));
        privileges.refusedAllBut("a granted group", "SelectOwnership");
        remove("pg_c", "SelectOwnership");
        privileges.refusedAllBut("the member removed: on the next call");
        add("pg_c", "SelectOwnership");
        Checks.equal("added again: allowed on the next call", privileges.user.listUsers(), List.of("limited", "root"));
        Checks.refused("a granted group is not dropped", 1100, "failed to check if privilege group dropable: privilege"
                + " group [pg_c] is used by role [" + Privileges.ROLE + "], Use REVOKE API to revoke it first: invalid"
                + " parameter", () -> drop("pg_c"));
        Privileges.revokeV2(client, Privileges.ROLE, "pg_c", "*", "*");
        privileges.refusedAllBut("the group revoked: on the next call");
        drop("pg_c");
        Checks.equal("and now it is", names(listed()), BUILT_IN);
    }
}
