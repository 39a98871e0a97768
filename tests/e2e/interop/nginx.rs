//! Debian's nginx.
//!
//! | path | |
//! |---|---|
//! | `/put/NAME` | keeps what is PUT there |
//! | `/chunked/NAME` | the file as of unknown length |
//! | other | the file |

use std::path::Path;

use super::program::{Ports, Program, Recipe};

pub(crate) fn start() -> Program {
    Program::start(&Recipe {
        name: "nginx",
        package: "nginx-light",
        configuration,
        arguments,
        reload: "HUP",
    })
}

fn arguments(folder: &Path) -> Vec<String> {
    let folder = folder.display();
    vec![
        "-p".to_owned(),
        folder.to_string(),
        "-c".to_owned(),
        format!("{folder}/server.conf"),
        // What it tells before it has read where its log is.
        "-e".to_owned(),
        format!("{folder}/error.log"),
    ]
}

fn configuration(folder: &Path, ports: &Ports) -> String {
    let folder = folder.display();
    let Ports {
        http,
        https,
        tls12,
        tls13,
        certified,
        hasty,
        hasty_tls,
    } = ports;
    // Started by root, workers would become a user who may not write here.
    format!(
        "daemon off;
user root;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    log_format facts '$connection $connection_requests $ssl_protocol $request_uri $ssl_client_s_dn';
    access_log {folder}/access.log facts;
    client_body_temp_path {folder}/temp/body;
    proxy_temp_path {folder}/temp/proxy;
    fastcgi_temp_path {folder}/temp/fastcgi;
    uwsgi_temp_path {folder}/temp/uwsgi;
    scgi_temp_path {folder}/temp/scgi;
    default_type application/octet-stream;
    gzip off;
    sendfile on;
    keepalive_requests 1000000;
    keepalive_timeout 60s;
    client_max_body_size 0;
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:sessions:1m;
    root {folder}/root;
    server {{
        listen 127.0.0.1:{http};
        listen [::1]:{http};
        listen 127.0.0.1:{https} ssl;
        listen [::1]:{https} ssl;
        location /put/ {{ dav_methods PUT; }}
        location /chunked/ {{ ssi on; ssi_types application/octet-stream; }}
    }}
    server {{
        listen 127.0.0.1:{tls12} ssl;
        listen [::1]:{tls12} ssl;
        ssl_protocols TLSv1.2;
    }}
    server {{
        listen 127.0.0.1:{tls13} ssl;
        listen [::1]:{tls13} ssl;
        ssl_protocols TLSv1.3;
    }}
    server {{
        listen 127.0.0.1:{certified} ssl;
        listen [::1]:{certified} ssl;
        ssl_verify_client on;
        ssl_client_certificate {folder}/ca.pem;
    }}
    server {{
        listen 127.0.0.1:{hasty};
        listen [::1]:{hasty};
        listen 127.0.0.1:{hasty_tls} ssl;
        listen [::1]:{hasty_tls} ssl;
        keepalive_requests 5;
        # Without a second value it tells nobody.
        keepalive_timeout 1s;
    }}
}}
"
    )
}
