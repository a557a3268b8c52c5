// The Go client against a fresh server: the page's snippets, then the error cases,
// grants, and groups.
package main

func main() {
	page()
	errorCases()
	privileges()
}
