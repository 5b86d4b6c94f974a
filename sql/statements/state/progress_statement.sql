-- Notes how far a statement is that Trino works on.
update icefront.statements set progress = $2 where id = $1 and state = 'sent'
