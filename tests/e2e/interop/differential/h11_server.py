"""Reads each line's request, {"wire"}, with h11 as the server, and answers with
a line: the requests it saw."""

import json
import sys

import h11


def texts(fields):
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in fields]


def read(wire):
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(wire)
    connection.receive_data(b"")
    request, body, trailers = None, b"", []
    while True:
        event = connection.next_event()
        if type(event) is h11.Request:
            request = event
        elif type(event) is h11.Data:
            body += event.data
        elif type(event) is h11.EndOfMessage:
            trailers = event.headers
            break
        else:
            raise h11.RemoteProtocolError("not a whole request")
    return {
        "method": request.method.decode("latin-1"),
        "target": request.target.decode("latin-1"),
        "fields": texts(request.headers),
        "body": body.decode("latin-1"),
        "trailers": texts(trailers),
        "behind": len(connection.trailing_data[0]),
    }


for line in sys.stdin:
    wire = json.loads(line)["wire"].encode("latin-1")
    try:
        answer = read(wire)
    except h11.RemoteProtocolError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))
