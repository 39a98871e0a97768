"""Reads each line's case, {"method", "upgrade", "raw"}, with h11 as the client,
and answers with a line: what became of it."""

import json
import sys

import h11

LARGEST_HEAD = 128 * 1024


def verdict(method, upgrade, raw):
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
    fields = [("Host", "a.test")]
    if upgrade is not None:
        fields += [("Connection", "upgrade"), ("Upgrade", upgrade)]
    target = "a.test:80" if method == "CONNECT" else "/"
    connection.send(h11.Request(method=method, target=target, headers=fields))
    connection.send(h11.EndOfMessage())
    connection.receive_data(raw)
    status, body, has_ended = None, b"", False
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if has_ended:
                    break
                has_ended = True
                connection.receive_data(b"")
            elif event is h11.PAUSED or type(event) is h11.EndOfMessage:
                break
            elif type(event) is h11.Response:
                status = event.status_code
            elif type(event) is h11.InformationalResponse:
                if connection.their_state is h11.SWITCHED_PROTOCOL:
                    status = event.status_code
            elif type(event) is h11.Data:
                body += event.data
            elif type(event) is h11.ConnectionClosed:
                raise h11.RemoteProtocolError("closed without a response")
    except h11.RemoteProtocolError as error:
        return {"status": status, "error": str(error)}
    return {"status": status, "body": body.decode("latin-1"), "at_close": has_ended}


for line in sys.stdin:
    case = json.loads(line)
    answer = verdict(case["method"], case["upgrade"], case["raw"].encode("latin-1"))
    print(json.dumps(answer))
