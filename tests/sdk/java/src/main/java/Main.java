/** The Java client against a fresh server: the page's snippets, then the error cases, grants and groups. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        Page.run();
        Errors.run();
        Privileges.run();
        // The client's threads are no daemons.
        System.exit(0);
    }
}
