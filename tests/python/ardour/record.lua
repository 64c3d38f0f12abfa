-- Plays a session from its start and records, at the pace of the sound card that is not there.
-- Run by ardour7-lua; what it needs to know stands in the environment.

local LOOK_US = 100000 -- between two looks at the playhead: how far it runs on decides nothing

local session = assert (load_session (os.getenv ("SESSION"), os.getenv ("NAME")))
local last = tonumber (os.getenv ("LAST_SAMPLE"))
-- A session does not remember what is armed.
local track = session:route_by_name ("Recorded"):to_track ()
track:rec_enable_control ():set_value (1, PBD.GroupControlDisposition.NoGroup)
session:maybe_enable_record (false)
session:request_roll (ARDOUR.TransportRequestSource.TRS_UI)
repeat
	ARDOUR.LuaAPI.usleep (LOOK_US)
until session:transport_sample () >= last
assert (session:actively_recording (), "Ardour plays and does not record")
-- Recording ends before the transport does: where both end at once, two threads of Ardour 7.3 finish the same
-- recording, and it mostly aborts.
session:disable_record (false, true)
ARDOUR.LuaAPI.usleep (LOOK_US)
session:request_stop (false, false, ARDOUR.TransportRequestSource.TRS_UI)
repeat
	ARDOUR.LuaAPI.usleep (LOOK_US) -- the file is written out on another thread
until not session:transport_rolling () and track:playlist ():region_list ():size () > 0
session:save_state ("")
close_session ()
quit ()
