import io.milvus.v2.client.ConnectConfig;
import io.milvus.v2.client.MilvusClientV2;
import io.milvus.v2.service.rbac.request.CreateRoleReq;
import io.milvus.v2.service.rbac.request.CreateUserReq;
import java.util.List;

/**
 * Over TLS: whose certificate is believed, and what the page would have left, made over an
 * encrypted connection. The cases that follow use such connections, too.
 */
final class Secure {
    private Secure() {}

    /** Checks that connecting fails, and not for the login. */
    private static void doesNotConnect(String what, ConnectConfig config) {
        config.setConnectTimeoutMs(3000);
        RuntimeException error = Checks.attempt(() -> new MilvusClientV2(config).close());
        Checks.check(what, error != null && !String.valueOf(error.getMessage()).contains("auth check"), error);
    }

    static void run() {
        doesNotConnect("TLS: another authority is not believed", Checks.trusting("other-ca.pem", "root:Milvus"));
        doesNotConnect("TLS: plain text is not served",
                ConnectConfig.builder().uri(Checks.URI).token("root:Milvus").build());
        MilvusClientV2 client = Checks.connect("root:Milvus");
        client.createUser(CreateUserReq.builder().userName("user_1").password("NewP@ssw0rd").build());
        client.createRole(CreateRoleReq.builder().roleName("role_a").build());
        Checks.equal("TLS: a user is made", client.listUsers(), List.of("root", "user_1"));
        Checks.equal("TLS: a role is made", client.listRoles(), List.of("admin", "role_a"));
        client.close();
    }
}
