// Weather answers over HTTP.
package main

import (
	"embed"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"

	"example.org/weather/internal/forecast"
)

//go:embed page.html
var pages embed.FS

var version = "unknown"

func main() {
	listen := flag.String("listen", ":8080", "address")
	check := flag.Bool("check", false, "ask the server whether it is well")
	flag.Parse()
	if *check {
		answer, err := http.Get("http://127.0.0.1:8080/")
		if err != nil || answer.StatusCode != 200 {
			os.Exit(1)
		}
		return
	}
	page, err := pages.ReadFile("page.html")
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, string(page), forecast.Of(r.URL.Path), version, os.Getuid())
	})
	log.Fatal(http.ListenAndServe(*listen, nil))
}
