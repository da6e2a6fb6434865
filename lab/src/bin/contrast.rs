//! Measures everything and writes `docs/contrast.md`; see [`rollcall_lab::contrast`].

#[cfg(target_os = "linux")]
fn main() -> Result<(), rollcall_lab::contrast::Failure> {
    rollcall_lab::contrast::run()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("error: the contrast is measured on Linux only");
    std::process::exit(1);
}
