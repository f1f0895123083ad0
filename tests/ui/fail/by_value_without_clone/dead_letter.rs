use slipstream::prelude::*;

static DEAD: Topic<String, u32> = Topic::new("dead");

#[derive(Serialize)]
struct Order {
    id: u32,
}

fn orders() -> [Order; 1] {
    [Order { id: 1 }]
}

#[handle(source = orders, on_error = dead_letter(&DEAD), sink = [print])]
fn look(order: Order) -> Result<u32> {
//~            ^^^^^
    Ok(order.id)
}

fn main() {}
