use slipstream::prelude::*;

static SEEN: Cache<String, u32> = Cache::new("seen").ttl(secs(0));
//~                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

fn main() {}
