fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("a URL is missing")?;
    let text = ureq::get(&url).call()?.body_mut().read_to_string()?;
    println!("{text}");
    Ok(())
}
