-- Makes a session of two tracks: "Player", with the effect that plays on, and "Recorded", fed by it.
-- Run by ardour7-lua; what it needs to know stands in the environment.

-- A value reaches the plugin with a block of audio, and one that has not is missing from the saved state.
local SETTLE_US = 500000

local function given (name)
	local value = os.getenv (name)
	assert (value, name .. " is not set")
	return value
end

local function track (session, name)
	local list = session:new_audio_track (2, 2, nil, 1, name, ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal)
	local made = list:front ()
	made:panner_shell ():set_bypassed (true) -- its gain is not 1 to the last bit
	return made
end

local function parameter (plugin, name)
	for index = 0, plugin:parameter_count () - 1 do
		if plugin:parameter_label (index) == name then
			return index
		end
	end
	error ("the plugin has no parameter " .. name)
end

-- "Name=value;Name=value": values as the plugin shows them, not 0 to 1.
local function set_all (insert, settings)
	local wanted = {}
	for name, value in settings:gmatch ("([^=;]+)=([^;]+)") do
		wanted[parameter (insert:plugin (0), name)] = tonumber (value)
	end
	for index, value in pairs (wanted) do
		assert (ARDOUR.LuaAPI.set_processor_param (insert, index, value), "a parameter cannot be set")
	end
	ARDOUR.LuaAPI.usleep (SETTLE_US)
	for index, value in pairs (wanted) do
		local now = ARDOUR.LuaAPI.get_processor_param (insert, index, true)
		assert (math.abs (now - value) < 1e-6, "a parameter did not take its value")
	end
end

-- Draws the button that begins a piece: up at `start`, in samples.
local function automate_start (insert, start)
	local index = parameter (insert:plugin (0), "Continue")
	local _, line, _ = ARDOUR.LuaAPI.plugin_automation (insert, index)
	line:add (Temporal.timepos_t (0), 0, false, true)
	line:add (Temporal.timepos_t (start), 1, false, true)
	local id = Evoral.Parameter (ARDOUR.AutomationType.PluginAutomation, 0, index)
	insert:to_automatable ():automation_control (id, false):set_automation_state (ARDOUR.AutoState.Play)
end

local function feed (from, to)
	for channel = 0, 1 do
		local input = to:input ():nth (channel)
		input:disconnect_all ()
		assert (input:connect (from:output ():nth (channel):name ()) == 0, "the tracks cannot be connected")
	end
end

AudioEngine:set_backend ("None (Dummy)", "", "")
local session = assert (create_session (given ("SESSION"), given ("NAME"), tonumber (given ("RATE_HZ"))))
local player, recorded = track (session, "Player"), track (session, "Recorded")
local effect = ARDOUR.LuaAPI.new_plugin (session, given ("PLUGIN"), ARDOUR.PluginType.VST3, "")
assert (not effect:isnil (), "Ardour does not know the plugin")
assert (player:add_processor_by_index (effect, 0, nil, true) == 0, "the track takes no plugin")
local insert = effect:to_insert ()
set_all (insert, given ("SETTINGS"))
automate_start (insert, tonumber (given ("WISH_SAMPLE")))
feed (player, recorded)
session:save_state ("")
close_session ()
quit ()
