use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("a URL is missing")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<&[u8]>>(connector);
    let body = runtime.block_on(async {
        let response = client.get(url.parse()?).await?;
        let body = response.into_body().collect().await?;
        Ok::<_, Box<dyn std::error::Error>>(body.to_bytes())
    })?;
    println!("{}", String::from_utf8_lossy(&body));
    Ok(())
}
