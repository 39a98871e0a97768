//! Debian's Apache, as its package `apache2-bin` brings it.

use std::path::Path;

use super::program::{Ports, Program, Recipe};

pub(crate) fn start() -> Program {
    Program::start(&Recipe {
        name: "apache2",
        package: "apache2-bin",
        configuration,
        arguments,
        reload: "USR1",
    })
}

fn arguments(folder: &Path) -> Vec<String> {
    let folder = folder.display();
    vec![
        "-d".to_owned(),
        folder.to_string(),
        "-f".to_owned(),
        format!("{folder}/server.conf"),
        // What it tells before it has read where its log is.
        "-E".to_owned(),
        format!("{folder}/error.log"),
        "-D".to_owned(),
        "FOREGROUND".to_owned(),
    ]
}

fn configuration(folder: &Path, ports: &Ports) -> String {
    let folder = folder.display();
    let modules = ["mpm_event", "authz_core", "socache_shmcb", "ssl"];
    let modules = modules
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
    let listen = ports
        .all()
        .map(|port| format!("Listen 127.0.0.1:{port}\nListen [::1]:{port}\n"));
    let secure = format!(
        "SSLEngine on
    SSLCertificateFile {folder}/cert.pem
    SSLCertificateKeyFile {folder}/key.pem"
    );
    let Ports {
        https,
        tls12,
        tls13,
        certified,
        hasty,
        hasty_tls,
        ..
    } = ports;
    let hurry = "MaxKeepAliveRequests 5\n    KeepAliveTimeout 1";
    format!(
        "{modules}{listen}
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
Mutex file:{folder}/temp
DefaultRuntimeDir {folder}/temp
ErrorLog {folder}/error.log
LogFormat \"%{{remote}}p %k %{{SSL_PROTOCOL}}x %U%q %{{SSL_CLIENT_S_DN}}x\" facts
CustomLog {folder}/access.log facts
User www-data
Group www-data
StartServers 2
ServerLimit 8
ThreadsPerChild 25
MaxRequestWorkers 100
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
DocumentRoot {folder}/root
SSLProtocol -all +TLSv1.2 +TLSv1.3
SSLSessionCache shmcb:{folder}/temp/sessions(512000)
<VirtualHost *:{https}>
    {secure}
</VirtualHost>
<VirtualHost *:{tls12}>
    {secure}
    SSLProtocol TLSv1.2
    SSLCACertificateFile {folder}/ca.pem
    <Location /certified>
        SSLVerifyClient require
    </Location>
</VirtualHost>
<VirtualHost *:{tls13}>
    {secure}
    SSLProtocol TLSv1.3
</VirtualHost>
<VirtualHost *:{certified}>
    {secure}
    SSLVerifyClient require
    SSLCACertificateFile {folder}/ca.pem
</VirtualHost>
<VirtualHost *:{hasty}>
    {hurry}
</VirtualHost>
<VirtualHost *:{hasty_tls}>
    {secure}
    {hurry}
</VirtualHost>
",
        modules = modules.concat(),
        listen = listen.concat(),
    )
}
