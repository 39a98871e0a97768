use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::{ALL, Client};
use crate::drive::tests::load;
use crate::load::{Action, Load};

#[test]
fn all_clients_send_the_same_heads() {
    for action in [
        Action::Get,
        Action::Collect,
        Action::Stream,
        Action::Post,
        Action::Upload { bytes: 100_000 },
    ] {
        let bare = head(&ALL[0], action);
        assert!(bare.len() >= 3, "{bare:?}");
        for client in ALL {
            assert_eq!(head(client, action), bare, "{}: {action:?}", client.name);
        }
    }
}

/// The request's line and its fields, these sorted and their names in lower case; the host is left
/// out.
fn head(client: &Client, action: Action) -> Vec<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let (sender, heads) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let sender = sender.clone();
            thread::spawn(move || answer(stream.unwrap(), addr, &sender));
        }
    });
    let load = Load {
        addr,
        action,
        requests: 1,
        ..load()
    };
    (client.run)(&load).unwrap();
    heads.recv().unwrap()
}

/// One request.
fn answer(stream: TcpStream, addr: SocketAddr, heads: &Sender<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        // A connection that was opened in vain has no request.
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(normal(line, addr)),
        }
    }
    lines[1..].sort();
    let length = lines
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    heads.send(lines).unwrap();
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    reader.get_mut().write_all(answer).unwrap();
    // The connection stays open until the client is gone.
    let _ = reader.read(&mut [0]);
}

fn normal(line: &str, addr: SocketAddr) -> String {
    let line = line.replace(&addr.to_string(), "HOST");
    match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}", name.to_ascii_lowercase()),
        None => line,
    }
}
