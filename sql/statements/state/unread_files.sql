-- Lists the paths of files that could not be read.
select distinct path from icefront.files where pipeline = $1 and state <> 'landed'
