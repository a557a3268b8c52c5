// The Java snippets of the page "Create Users & Roles", in its order. Between the
// lines `snippet` and `end of snippet` stands the page's text, but for what a
// comment `repaired:` names. The checks stand outside.

// repaired: all imports are moved to the top, and java.util.List is added
import io.milvus.v2.client.ConnectConfig;
import io.milvus.v2.client.MilvusClientV2;
import io.milvus.v2.service.rbac.request.CreateRoleReq;
import io.milvus.v2.service.rbac.request.CreateUserReq;
import io.milvus.v2.service.rbac.request.DescribeUserReq;
import io.milvus.v2.service.rbac.request.UpdatePasswordReq;
import java.util.List;

/** The page, statement by statement. */
final class Page {
    private Page() {}

    static void run() {
        // snippet: Create a user
        ConnectConfig connectConfig = ConnectConfig.builder()
                .uri("http://localhost:19530")
                .token("root:Milvus")
                .build();

        MilvusClientV2 client = new MilvusClientV2(connectConfig);

        CreateUserReq createUserReq = CreateUserReq.builder()
                .userName("user_1")
                .password("P@ssw0rd")
                .build();

        client.createUser(createUserReq);
        // end of snippet

        Checks.logsIn("page: the new user logs in", "user_1", "P@ssw0rd");

        // snippet: Update password
        UpdatePasswordReq updatePasswordReq = UpdatePasswordReq.builder()
                .userName("user_1")
                .password("P@ssw0rd")
                .newPassword("NewP@ssw0rd")
                .build();
        client.updatePassword(updatePasswordReq);
        // end of snippet

        Checks.logsIn("page: the user logs in with the new password", "user_1", "NewP@ssw0rd");
        Checks.connectRefused("page: and no longer with the old one", "user_1:P@ssw0rd");

        // snippet: List users
        List<String> resp = client.listUsers();
        // end of snippet

        Checks.equal("page: listUsers is the page's sample", resp, List.of("root", "user_1"));

        // snippet: Create a role
        CreateRoleReq createRoleReq = CreateRoleReq.builder()
                .roleName("role_a")
                .build();

        client.createRole(createRoleReq); // repaired: the page never sends the request
        // end of snippet

        // snippet: List roles
        List<String> roles = client.listRoles();
        // end of snippet

        Checks.equal("page: listRoles is the page's sample", roles, List.of("admin", "role_a"));

        // What the page says in words.
        Checks.equal("page: the default role of root is admin",
                client.describeUser(DescribeUserReq.builder().userName("root").build()).getRoles(),
                List.of("admin"));
        client.close();
    }
}
