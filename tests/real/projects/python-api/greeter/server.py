import argparse
import configparser
import getpass
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Greeter(BaseHTTPRequestHandler):
    def do_GET(self):
        settings = configparser.ConfigParser()
        settings.read("settings.ini")
        with open("state/last", "w") as last:
            last.write(self.path)
        body = json.dumps({"greeting": settings["greeter"]["word"], "user": getpass.getuser()}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8000)
    ThreadingHTTPServer(("", parser.parse_args().port), Greeter).serve_forever()
