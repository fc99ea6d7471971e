#!/usr/bin/env python3
"""Prints a row for each delivery of an order event, its columns separated by tabs.

    python3 order_lines.py < event.json
"""
import json
import sys
from decimal import Decimal


def read(text):
    """An event with the digits that Tradecloud sent: no quantity and no price becomes a binary fraction."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def order_of(event):
    """The order of an event, whatever its shape; None for a shipment."""
    data = event["data"]
    for name in ("orderEvent", "singleDeliveryOrderEvent", "simpleOrderEvent", "orderDocumentsEvent"):
        if data.get(name):
            return data[name]
    return data if "lines" in data or "buyerOrder" in data else None


def rows(event):
    """Purchase order, line, date, quantity, unit, net price, currency, for how many that is, state of the line."""
    order = order_of(event) or {}
    for line in order.get("lines") or []:
        buyer_line = line.get("buyerLine") or {}
        now = line.get("statusLine") or line
        prices = now.get("prices") or {}
        net = prices.get("netPrice") or {}
        price = net.get("priceInTransactionCurrency") or net.get("priceInBaseCurrency") or {}
        deliveries = list(now.get("deliverySchedule") or [])
        if now.get("scheduledDelivery"):
            deliveries.append(now["scheduledDelivery"])
        for delivery in deliveries:
            yield (
                (order.get("buyerOrder") or {}).get("purchaseOrderNumber"),
                buyer_line.get("position"),
                delivery.get("date"),
                delivery.get("quantity"),
                (buyer_line.get("item") or {}).get("purchaseUnitOfMeasureIso"),
                price.get("value"),
                price.get("currencyIso"),
                prices.get("priceUnitQuantity"),
                (line.get("status") or {}).get("processStatus"),
            )


if __name__ == "__main__":
    for row in rows(read(sys.stdin.read())):
        print("\t".join("" if value is None else str(value) for value in row))
