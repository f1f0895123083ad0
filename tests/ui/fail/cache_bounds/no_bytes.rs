use slipstream::prelude::*;

static PAGES: Cache<String, u32> = Cache::new("pages").max_bytes(0);
//~                                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

fn main() {}
