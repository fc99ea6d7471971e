# A row for each delivery of an order event, its columns separated by tabs: purchase order, line, date, quantity,
# unit, net price, currency, for how many that price is, and the state of the line.
#   jq -r -f order-lines.jq event.json
.data
| (.orderEvent // .singleDeliveryOrderEvent // .simpleOrderEvent // .)
| .buyerOrder.purchaseOrderNumber as $number
| .lines[]?
| . as $line
| (.statusLine // .) as $now
| ($now.prices.netPrice | .priceInTransactionCurrency // .priceInBaseCurrency) as $price
| ($now.deliverySchedule[]?, ($now.scheduledDelivery // empty))
| [
    $number, $line.buyerLine.position, .date, .quantity, $line.buyerLine.item.purchaseUnitOfMeasureIso,
    $price.value, $price.currencyIso, $now.prices.priceUnitQuantity, $line.status.processStatus
  ]
| @tsv
