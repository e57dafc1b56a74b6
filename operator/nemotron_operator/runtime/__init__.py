"""Runtime: queue, election, HTTP server and metrics. It is given functions and knows no other room."""
