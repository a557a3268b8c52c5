import io.milvus.v2.client.MilvusClientV2;
import io.milvus.v2.service.rbac.request.AlterRoleReq;
import io.milvus.v2.service.rbac.request.CreateRoleReq;
import io.milvus.v2.service.rbac.request.CreateUserReq;
import io.milvus.v2.service.rbac.request.DescribeRoleReq;
import io.milvus.v2.service.rbac.request.DescribeUserReq;
import io.milvus.v2.service.rbac.request.DropRoleReq;
import io.milvus.v2.service.rbac.request.DropUserReq;
import io.milvus.v2.service.rbac.request.GrantRoleReq;
import io.milvus.v2.service.rbac.request.RevokeRoleReq;
import io.milvus.v2.service.rbac.request.UpdatePasswordReq;
import io.milvus.v2.service.rbac.request.UpdateUserReq;
import io.milvus.v2.service.rbac.response.DescribeRoleResp;
import java.util.List;

/**
 * The error cases of the page's calls, on the server that the page has left, and what the page
 * leaves out: bindings, descriptions, own password, drops.
 */
final class Errors {
    private static final String UNKNOWN_ROLE =
            "not found the role, maybe the role isn't existed or internal system error: invalid parameter";
    private static final String WEAK = "invalid password: three of upper-case letters, lower-case letters,"
            + " digits and special characters are required: invalid parameter";

    private final MilvusClientV2 client = Checks.connect("root:Milvus");
    private final MilvusClientV2 user = Checks.connect("user_1:NewP@ssw0rd");

    private Errors() {}

    static void run() {
        Errors errors = new Errors();
        errors.logins();
        errors.users();
        errors.roles();
        errors.plainUser();
        errors.bindings();
        errors.descriptions();
        errors.ownPasswordAndDrops();
        errors.client.close();
        errors.user.close();
    }

    private void createUser(String name, String password) {
        client.createUser(CreateUserReq.builder().userName(name).password(password).build());
    }

    private static void updatePassword(MilvusClientV2 by, String name, String old, String wanted) {
        by.updatePassword(UpdatePasswordReq.builder().userName(name).password(old).newPassword(wanted).build());
    }

    private void createRole(String name) {
        client.createRole(CreateRoleReq.builder().roleName(name).build());
    }

    private void dropRole(String name) {
        client.dropRole(DropRoleReq.builder().roleName(name).build());
    }

    private void dropUser(String name) {
        client.dropUser(DropUserReq.builder().userName(name).build());
    }

    private void bind(String name, String role) {
        client.grantRole(GrantRoleReq.builder().userName(name).roleName(role).build());
    }

    private void unbind(String name, String role) {
        client.revokeRole(RevokeRoleReq.builder().userName(name).roleName(role).build());
    }

    private List<String> rolesOf(String name) {
        return client.describeUser(DescribeUserReq.builder().userName(name).build()).getRoles();
    }

    private void logins() {
        Checks.connectRefused("wrong password", "root:milvus");
        Checks.connectRefused("unknown user", "nobody:P@ssw0rd");
        Checks.transport("a token that is no login",
                "UNAUTHENTICATED: auth check failure, please check api key is correct",
                () -> Checks.connect("no-colon").close());
    }

    private void users() {
        Checks.refused("duplicate user", 1100, "user already exists: user_1: invalid parameter",
                () -> createUser("user_1", "P@ssw0rd"));
        Checks.refused("short password", 1100,
                "invalid password length: invalid parameter[5 out of range 8 <= value <= 64]",
                () -> createUser("user_2", "P@ss1"));
        Checks.refused("weak password", 1100, WEAK, () -> createUser("user_2", "password"));
        Checks.refused("weak new password", 1100, WEAK,
                () -> updatePassword(client, "user_1", "NewP@ssw0rd", "newpassword"));
        Checks.refused("wrong old password", 1400, "old password not correct for user_1: not authenticated",
                () -> updatePassword(client, "user_1", "P@ssw0rd!", "Another1!"));
        Checks.refused("bad user name: first character", 1100,
                "invalid user name 1abc, the first character must be a letter, but got 1: invalid parameter",
                () -> createUser("1abc", "P@ssw0rd"));
        RuntimeException error = Checks.attempt(() -> createUser("user-2", "P@ssw0rd"));
        Checks.check("bad user name: other character",
                error != null && error.getMessage().contains("invalid user name user-2"), error);
        Checks.refused("dropping root", 1401, "root user cannot be deleted: privilege not permitted",
                () -> dropUser("root"));
        Checks.equal("nothing of all this left a user", client.listUsers(), List.of("root", "user_1"));
    }

    private void roles() {
        Checks.refused("duplicate role", 1100, "role [name:\"role_a\"] already exists: invalid parameter",
                () -> createRole("role_a"));
        RuntimeException error = Checks.attempt(() -> createRole("1role"));
        Checks.check("bad role name", error != null && error.getMessage().contains("role name"), error);
        Checks.refused("binding an unknown role", 1100, UNKNOWN_ROLE, () -> bind("user_1", "nobody"));
        Checks.refused("unbinding an unknown role", 1100, UNKNOWN_ROLE, () -> unbind("user_1", "nobody"));
        Checks.refused("binding an unknown user", 1100,
                "failed to check if operate user role: user \"nobody\" not found: invalid parameter",
                () -> bind("nobody", "role_a"));
        Checks.refused("dropping an unknown role", 1100, UNKNOWN_ROLE, () -> dropRole("nobody"));
        Checks.refused("dropping admin", 1401,
                "the role[admin] is a default role, which can't be dropped: privilege not permitted",
                () -> dropRole("admin"));
        Checks.refused("describing an unknown role", 1100, "the role \"nobody\" does not exist: invalid parameter",
                () -> client.describeRole(DescribeRoleReq.builder().roleName("nobody").build()));
        Checks.equal("nothing of all this left a role", client.listRoles(), List.of("admin", "role_a"));
    }

    private void plainUser() {
        Checks.transport("a plain user is refused listUsers",
                "PERMISSION_DENIED: PrivilegeSelectOwnership: permission deny to user_1 in the `*` database",
                user::listUsers);
        Checks.transport("a plain user is refused createUser",
                "PERMISSION_DENIED: PrivilegeCreateOwnership: permission deny to user_1 in the `*` database",
                () -> user.createUser(CreateUserReq.builder().userName("user_2").password("P@ssw0rd").build()));
        Checks.equal("a plain user sees himself, without roles",
                user.describeUser(DescribeUserReq.builder().userName("user_1").build()).getRoles(), List.of());
    }

    private void bindings() {
        bind("user_1", "role_a");
        bind("user_1", "role_a");
        Checks.equal("a binding shows", rolesOf("user_1"), List.of("role_a"));
        DescribeRoleResp role = client.describeRole(DescribeRoleReq.builder().roleName("role_a").build());
        Checks.equal("describeRole names the role", role.getRoleName(), "role_a");
        Checks.equal("describeRole of a role without grants", role.getGrantInfos(), List.of());
        unbind("user_1", "role_a");
        unbind("user_1", "role_a");
        Checks.equal("a binding goes", rolesOf("user_1"), List.of());
        Checks.equal("describeUser of an unknown user has no roles", rolesOf("nobody"), List.of());
    }

    private void descriptions() {
        client.createUser(CreateUserReq.builder().userName("user_d").password("P@ssw0rd").description("first").build());
        Checks.equal("a user's description shows", describe("user_d"), "first");
        client.updateUser(UpdateUserReq.builder().userName("user_d").description("second").build());
        Checks.equal("updateUser changes it", describe("user_d"), "second");
        Checks.logsIn("updateUser leaves the password alone", "user_d", "P@ssw0rd");
        dropUser("user_d");
        client.createRole(CreateRoleReq.builder().roleName("role_d").description("first").build());
        Checks.equal("a role's description shows", describeRole("role_d"), "first");
        client.alterRole(AlterRoleReq.builder().roleName("role_d").description("second").build());
        Checks.equal("alterRole changes it", describeRole("role_d"), "second");
        dropRole("role_d");
    }

    private String describe(String name) {
        return client.describeUser(DescribeUserReq.builder().userName(name).build()).getDescription();
    }

    private String describeRole(String name) {
        return client.describeRole(DescribeRoleReq.builder().roleName(name).build()).getDescription();
    }

    private void ownPasswordAndDrops() {
        updatePassword(user, "user_1", "NewP@ssw0rd", "Third1rd!");
        Checks.transport("a changed password: the very next call with the old one is refused", Checks.WRONG_LOGIN,
                () -> user.describeUser(DescribeUserReq.builder().userName("user_1").build()));
        MilvusClientV2 again = Checks.connect("user_1:Third1rd!");
        again.updatePassword(UpdatePasswordReq.builder().userName("user_1").password("Third1rd!")
                .newPassword("Fourth4th!").resetConnection(true).build());
        Checks.equal("with resetConnection the client goes on",
                again.describeUser(DescribeUserReq.builder().userName("user_1").build()).getUserName(), "user_1");
        dropUser("user_1");
        dropUser("user_1");
        Checks.transport("a dropped user: the very next call is refused", Checks.WRONG_LOGIN,
                () -> again.describeUser(DescribeUserReq.builder().userName("user_1").build()));
        again.close();
        dropRole("role_a");
        Checks.equal("only root is left", client.listUsers(), List.of("root"));
        Checks.equal("only admin is left", client.listRoles(), List.of("admin"));
        Checks.check("getServerVersion is a version-like text",
                client.getServerVersion().matches(".*\\d.*"), client.getServerVersion());
    }
}
