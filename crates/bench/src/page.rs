/// Bytes at the beginning of a page, as what is to be sent lies: elsewhere by chance, the kernel's
/// copy can take twice as long, as its addresses may be a few bytes apart modulo a page. A constant
/// would have a place of its own for each client.
#[repr(align(4096))]
pub(crate) struct AtPage<const N: usize>(pub(crate) [u8; N]);
