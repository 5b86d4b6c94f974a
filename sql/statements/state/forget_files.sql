-- Forgets that files could not be read, which are gone.
delete from icefront.files where pipeline = $1 and state <> 'landed' and path = any ($2)
