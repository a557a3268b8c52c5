//! nginx with `grpc_pass`, without authentication, if it is installed.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::Process;

/// nginx in front of this upstream, with its files in a directory of its own; `None` where there is
/// no nginx.
pub(crate) fn start(upstream: SocketAddr, home: &Path) -> Option<Process> {
    let program = ["nginx", "/usr/sbin/nginx"].into_iter().find(|program| {
        let version = Command::new(program).arg("-v").stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    })?;
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let file = home.join("nginx.conf");
    std::fs::write(&file, configuration(address, upstream, home)).unwrap();
    let mut command = Command::new(program);
    command.arg("-p").arg(home).arg("-e").arg("stderr").arg("-c").arg(&file);
    let process = Process::at(command.spawn().unwrap(), address);
    for _ in 0..100 {
        if TcpStream::connect(address).is_ok() {
            return Some(process);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nginx does not listen on {address}");
}

/// As fast as it can be: a worker to each processor, connections kept on both sides, no log. To the
/// upstream nginx gives each call a connection of its own while it lasts, so it keeps as many as
/// there may be calls.
fn configuration(address: SocketAddr, upstream: SocketAddr, home: &Path) -> String {
    let home = home.display();
    format!(
        "
daemon off;
worker_processes auto;
pid {home}/pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    http2_max_concurrent_streams 1000;
    client_max_body_size 0;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    upstream behind {{
        server {upstream};
        keepalive 128;
        keepalive_timeout 1h;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {address} http2;
        location / {{ grpc_pass grpc://behind; }}
    }}
}}
"
    )
}
