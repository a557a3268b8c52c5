import io.milvus.v2.client.ConnectConfig;
import io.milvus.v2.client.MilvusClientV2;
import io.milvus.v2.exception.ErrorCode;
import io.milvus.v2.exception.MilvusClientException;
import io.milvus.v2.service.rbac.request.DescribeUserReq;
import java.util.Objects;

/** One line per check, `ok …` or `FAILED …`; the runner counts them. */
final class Checks {
    static final String URI = "http://localhost:19530";
    /** Where the certificates are; null in plain text. */
    static final String TLS_DIR = System.getenv("SDK_TLS_DIR");
    static final String WRONG_LOGIN =
            "UNAUTHENTICATED: auth check failure, please check username and password are correct";

    private Checks() {}

    static void check(String what, boolean isTrue, Object seen) {
        System.out.println(isTrue ? "ok " + what : "FAILED " + what + ": got " + seen);
    }

    static void equal(String what, Object seen, Object expected) {
        check(what, Objects.equals(seen, expected), seen);
    }

    static MilvusClientV2 connect(String token) {
        if (TLS_DIR != null) {
            return new MilvusClientV2(trusting("ca.pem", token));
        }
        return new MilvusClientV2(ConnectConfig.builder().uri(URI).token(token).build());
    }

    /** Over TLS: that authority is believed and no other. */
    static ConnectConfig trusting(String authority, String token) {
        return ConnectConfig.builder()
                .uri("https://localhost:19530")
                .serverPemPath(TLS_DIR + "/" + authority)
                .serverName("localhost")
                .token(token)
                .build();
    }

    static void logsIn(String what, String user, String password) {
        MilvusClientV2 client = connect(user + ":" + password);
        equal(what, client.describeUser(DescribeUserReq.builder().userName(user).build()).getUserName(), user);
        client.close();
    }

    /** What a call threw, or null. */
    static RuntimeException attempt(Runnable call) {
        try {
            call.run();
            return null;
        } catch (RuntimeException error) {
            return error;
        }
    }

    /** A Status with this code and exactly this reason. */
    static void refused(String what, int code, String reason, Runnable call) {
        RuntimeException error = attempt(call);
        boolean isRefusal = error instanceof MilvusClientException
                && ((MilvusClientException) error).getServerErrCode() == code
                && reason.equals(error.getMessage());
        check(what, isRefusal, error);
    }

    /** A gRPC error with exactly this code and text: bare while connecting, later put into a text of the client's. */
    static void transport(String what, String codeAndReason, Runnable call) {
        RuntimeException error = attempt(call);
        String seen = String.valueOf(error == null ? null : error.getMessage());
        boolean isRpcError = error instanceof MilvusClientException
                && ((MilvusClientException) error).getErrorCode() == ErrorCode.RPC_ERROR;
        check(what, seen.equals(codeAndReason) || isRpcError && seen.endsWith("Exception: " + codeAndReason), error);
    }

    static void connectRefused(String what, String token) {
        transport(what, WRONG_LOGIN, () -> connect(token).close());
    }
}
