-- The databases beside `lake`, which the container makes itself: the service's state, and the source that the pipeline `shop` reads.
create database icefront;
create database shop;
