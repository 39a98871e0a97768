//! One resolver, several runtimes.

use tokio::runtime::{Builder, Runtime};

use crate::server::Server;
use crate::support::{addresses, asking, both_families};

/// A server that knows every name, so that no question is answered from memory.
fn server() -> (Runtime, Server) {
    let serving = Builder::new_multi_thread().enable_all().build().unwrap();
    let server = Server::start(|_, family| both_families("a.test", family));
    let server = serving.block_on(server);
    (serving, server)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A connection to a name server lives on the runtime that made it, and rests with it.
#[test]
fn a_runtime_that_rests_does_not_hold_up_another() {
    let (_serving, server) = server();
    let resolver = asking(&server);
    let (resting, other) = (runtime(), runtime());
    for (runtime, name) in [
        (&resting, "one.test"),
        (&other, "two.test"),
        (&resting, "three.test"),
    ] {
        assert_eq!(runtime.block_on(addresses(&resolver, name)).len(), 2);
    }
}

#[test]
fn a_runtime_that_is_gone_does_no_harm() {
    let (_serving, server) = server();
    let resolver = asking(&server);
    for n in 0..40 {
        let name = format!("{n}.test");
        let passing = runtime();
        assert_eq!(passing.block_on(addresses(&resolver, &name)).len(), 2);
    }
}
