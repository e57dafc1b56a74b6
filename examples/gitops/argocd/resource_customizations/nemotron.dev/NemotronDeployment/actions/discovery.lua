local suspended = obj.spec.suspend == true
local stopped = suspended or obj.spec.replicas == 0
return {
  restart = { disabled = stopped },
  suspend = { disabled = suspended },
  resume = { disabled = not suspended },
}
