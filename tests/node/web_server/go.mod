module nemotron.dev/tests/web-server

go 1.26.0
