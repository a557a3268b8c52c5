// The Go client against a fresh server: the page's snippets, then the error cases,
// grants, and groups. Over TLS something shorter stands for the page, whose address
// is plain text.
package main

func main() {
	if tlsDir == "" {
		page()
	} else {
		secure()
	}
	errorCases()
	privileges()
}
