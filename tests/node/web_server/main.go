// Command web-server is what the tests of the real node run in a pod: it answers, asks others, and keeps a file.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	keptFile      = "/data/kept"
	authorityFile = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
)

func main() {
	if len(os.Args) > 1 {
		// What `kubectl exec` calls.
		fmt.Println(strings.Join(os.Args[1:], " "))
		return
	}
	http.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	http.HandleFunc("GET /name", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getenv("HOSTNAME")) })
	http.HandleFunc("GET /ask", ask)
	http.HandleFunc("PUT /kept", keep)
	http.HandleFunc("GET /kept", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, keptFile) })
	log.Print("listening on port 8000")
	log.Fatal(http.ListenAndServe(":8000", nil))
}

// ask fetches the address in the query, from inside the cluster, and passes the answer on.
func ask(w http.ResponseWriter, r *http.Request) {
	authorities := x509.NewCertPool()
	if certificate, err := os.ReadFile(authorityFile); err == nil {
		authorities.AppendCertsFromPEM(certificate)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}, DisableKeepAlives: true}
	client := http.Client{Timeout: 5 * time.Second, Transport: transport}
	answer, err := client.Get(r.URL.Query().Get("url"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	w.WriteHeader(answer.StatusCode)
	io.Copy(w, answer.Body)
}

func keep(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	if err == nil {
		err = os.WriteFile(keptFile, content, 0o644)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
