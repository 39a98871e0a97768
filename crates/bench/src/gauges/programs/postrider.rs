fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("a URL is missing")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let client = postrider::Client::builder().build()?;
    let text = runtime.block_on(async { client.get(url).send().await?.text().await })?;
    println!("{text}");
    Ok(())
}
