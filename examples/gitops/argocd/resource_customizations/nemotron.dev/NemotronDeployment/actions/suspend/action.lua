-- The GPUs are given back; weights and settings stay.
obj.spec.suspend = true
return obj
