#!/usr/bin/env python3
"""Events of the forms that the documents show, one a line, with values that move: samples.py prices|trading COUNT"""

import json
import random
import sys

SYMBOLS = ["AAPL", "GOOGL", "MSFT", "TSLA"]


def prices(rng, number):
    price = 100 + rng.random() * 100
    data = {"symbol": SYMBOLS[number % 4], "price": round(price, 2), "bid": round(price - 0.02, 2), "ask": round(price + 0.02, 2)}
    return {"type": "price:update", "key": data["symbol"], "data": data}


def trading(rng, number):
    symbol, price = rng.choice(SYMBOLS), round(100 + rng.random() * 100, 2)
    quantity = rng.randrange(1, 100)
    if number % 3 == 0:
        data = {"symbol": symbol, "qty": quantity, "avgEntryPrice": price, "currentPrice": round(price * 1.01, 2),
                "marketValue": round(quantity * price * 1.01, 2), "unrealizedPL": round(quantity * price * 0.01, 2)}
        return {"type": "position:update", "user": "u-1", "key": symbol, "data": data}
    order = f"ord-{100 + number}"
    if number % 3 == 1:
        data = {"orderId": order, "symbol": symbol, "status": "filled", "qty": quantity, "filledQty": quantity, "filledAvgPrice": price}
        return {"type": "order:update", "user": "u-1", "key": order, "data": data}
    data = {"tradeId": f"trd-{number}", "orderId": order, "symbol": symbol, "side": rng.choice(["buy", "sell"]), "qty": quantity, "price": price}
    return {"type": "trade:new", "user": "u-1", "data": data}


def main():
    make, rng = {"prices": prices, "trading": trading}[sys.argv[1]], random.Random(14)
    for number in range(int(sys.argv[2])):
        print(json.dumps(make(rng, number), separators=(",", ":")))


if __name__ == "__main__":
    main()
