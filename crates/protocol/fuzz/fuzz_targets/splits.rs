#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| postrider_protocol_fuzz::splits::check(data));
