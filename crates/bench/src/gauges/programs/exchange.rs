mod memory_stream;

use http::header::ACCEPT;
use http::{HeaderValue, Uri};
use memory_stream::{BODY, MemoryStream};

/// So many GETs over a stream in memory.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = std::env::args().nth(1).ok_or("how many?")?.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = postrider::Client::builder()
            .connect_with(|_| async { Ok(MemoryStream::default()) })
            .build()?;
        let uri = Uri::from_static("http://a.test/orders/48151623");
        for _ in 0..count {
            let request = client.get(uri.clone());
            let request = request.header(ACCEPT, HeaderValue::from_static("*/*"));
            assert_eq!(request.send().await?.bytes().await?.len(), BODY);
        }
        Ok(())
    })
}
