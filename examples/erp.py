#!/usr/bin/env python3
"""A stand-in for an ERP: takes events over HTTP, and books each of them once into a database of its own.

    python3 erp.py [--port 9000] [--database erp.db] [--token-file FILE]

What it shows: answer 2xx only once the event is on disk; know an event that comes again by its id; 422 for what can
never be taken; 503 for what cannot be taken now.
"""
import argparse
import hmac
import sqlite3
from http.server import BaseHTTPRequestHandler, HTTPServer

from order_lines import order_of, read, rows

arguments = argparse.ArgumentParser(description="A stand-in for an ERP.")
arguments.add_argument("--port", type=int, default=9000)
arguments.add_argument("--database", default="erp.db")
arguments.add_argument("--token-file", help="asks for the bearer token that is in this file")
arguments = arguments.parse_args()

token = open(arguments.token_file, encoding="utf-8").read().strip() if arguments.token_file else None
database = sqlite3.connect(arguments.database)
database.execute("PRAGMA synchronous = FULL")  # what is committed is on disk
database.execute("CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, event TEXT NOT NULL)")
# Text: quantities and prices keep their digits.
database.execute(
    "CREATE TABLE IF NOT EXISTS deliveries (event TEXT, number TEXT, position TEXT, date TEXT, quantity TEXT,"
    " unit TEXT, price TEXT, currency TEXT, per TEXT, status TEXT)"
)


class Erp(BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if token and not hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {token}"):
            return self.answer(401, "wrong token")
        event = read(text)
        order = order_of(event)
        if order is not None and not (order.get("buyerOrder") or {}).get("purchaseOrderNumber"):
            return self.answer(422, "the order has no purchase order number")
        try:
            with database:  # all of it, or nothing
                new = database.execute("INSERT OR IGNORE INTO events VALUES (?, ?)", (event["id"], text)).rowcount
                if new:
                    booked = [
                        [event["id"], *(None if value is None else str(value) for value in row)] for row in rows(event)
                    ]
                    database.executemany("INSERT INTO deliveries VALUES (?,?,?,?,?,?,?,?,?,?)", booked)
        except sqlite3.Error as error:
            return self.answer(503, f"not now: {error}")
        print(("booked" if new else "known"), event["type"], event["id"], flush=True)
        return self.answer(204)

    def answer(self, status, reason=""):
        body = reason.encode()
        self.send_response(status)
        if body:
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", arguments.port), Erp)
print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
