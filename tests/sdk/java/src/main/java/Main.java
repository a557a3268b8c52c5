/**
 * The Java client against a fresh server: the page's snippets, then the error cases, grants and
 * groups. Over TLS something shorter stands for the page, whose address is plain text.
 */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        if (Checks.TLS_DIR == null) {
            Page.run();
        } else {
            Secure.run();
        }
        Errors.run();
        Privileges.run();
        // The client's threads are no daemons.
        System.exit(0);
    }
}
