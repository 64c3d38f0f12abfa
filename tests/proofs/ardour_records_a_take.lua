-- Ardour, headless: an input track through Afterimage FX, and a second track that records what comes out.
-- Arguments by environment: SESSION (a folder that does not exist yet), DEVICE (a device of the dummy backend).

local EFFECT = "4166746572696D616765456666637431" -- the effect's VST3 class, 'AfterimageEffct1'
local UI = ARDOUR.TransportRequestSource.TRS_UI
local ALONE = PBD.GroupControlDisposition.NoGroup

local function wait(seconds) ARDOUR.LuaAPI.usleep(seconds * 1000000) end

local backend = AudioEngine:set_backend("None (Dummy)", "", "")
backend:set_device_name(os.getenv("DEVICE"))
backend:set_sample_rate(48000)
backend:set_buffer_size(1024)
AudioEngine:start(false)
-- Reading the list is what makes Ardour look at its cache of scanned plugins.
ARDOUR.LuaAPI.list_plugins()
local session = create_session(os.getenv("SESSION"), "proof", 48000)
assert(session, "no session")

local function track(name)
  local order, mode = ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal
  for route in session:new_audio_track(2, 2, nil, 1, name, order, mode, false, false):iter() do
    return route:to_track()
  end
end

local played, recorded = track("played"), track("recorded")
for channel = 0, 1 do
  played:input():nth(channel):connect("system:capture_" .. (channel + 1))
  recorded:input():nth(channel):connect(played:output():nth(channel):name())
end
-- Soft enough that the plugin's limiter has nothing to do: takes lie before it.
played:trim():gain_control():set_value(0.25, ALONE)
played:monitoring_control():set_value(1, ALONE)
local effect = ARDOUR.LuaAPI.new_plugin(session, EFFECT, ARDOUR.PluginType.VST3, "")
assert(not effect:isnil(), "Ardour does not know the effect; scan the bundle first")
played:add_processor_by_index(effect, 0, nil, true)

local plugin = effect:to_insert():plugin(0)
local function set(label, value)
  for index = 0, plugin:parameter_count() - 1 do
    if plugin:parameter_label(index) == label then
      return ARDOUR.LuaAPI.set_processor_param(effect, index, value)
    end
  end
  error("no parameter " .. label)
end

wait(3) -- the packs load
set("Continue On", 0.0) -- at once, not on the bar
recorded:rec_enable_control():set_value(1, ALONE)
session:maybe_enable_record(false)
session:request_roll(UI)
wait(6)
set("Continue", 1.0)
wait(5)
set("Continue", 0.0)
wait(2)
session:request_stop(false, false, UI)
wait(1.5)
close_session()
