select
  payment_id,
  order_id,
  method,
  state,
  amount,
  cast({{ signed_amount('amount', 'state') }} as decimal(18,2)) as signed_amount,
  paid_at,
  cast(paid_at as date) as paid_on
from {{ ref('payments') }}
where amount <> 0
