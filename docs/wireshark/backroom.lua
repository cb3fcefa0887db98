-- Wireshark dissector for backroom's UDP datagrams: names the fields of segments and ACKs (docs/protocol.md, "Segments and ACKs").
--
--   tshark -X lua_script:docs/wireshark/backroom.lua -r trace.pcapng -Y backroom
--
-- Real datagrams have an encrypted payload or ACK body, so only their headers can be named. The lab's captures
-- (`backroom-lab trace`) are not encrypted: "backroom-lab-sim" replaces the tag, and the fields of an ACK are named too.
-- Ports differ from transfer to transfer, so a heuristic recognises datagrams by their shape. If it fails, use
-- -d udp.port==PORT,backroom (or "Decode As" in Wireshark).

local backroom = Proto("backroom", "backroom Go-Back-N")

local HEADER = 21
local TAG = 16
local ACK_BODY = 17
local ACK = HEADER + ACK_BODY + TAG
local UNSEALED = "backroom-lab-sim"
local DATA_KIND, ACK_KIND = 1, 2
local KINDS = { [DATA_KIND] = "segment", [ACK_KIND] = "ACK" }

local f = {
  kind = ProtoField.uint8("backroom.kind", "Kind", base.DEC, KINDS),
  transfer = ProtoField.uint64("backroom.transfer", "Transfer", base.HEX),
  lane = ProtoField.uint16("backroom.lane", "Lane"),
  round = ProtoField.uint16("backroom.round", "Round"),
  seq = ProtoField.uint64("backroom.seq", "Sequence number"),
  payload = ProtoField.bytes("backroom.payload", "Payload (sealed)"),
  receiver = ProtoField.uint16("backroom.receiver", "Receiver"),
  counter = ProtoField.uint64("backroom.counter", "Counter"),
  sealed = ProtoField.bytes("backroom.sealed", "Acknowledgement (sealed)"),
  ack = ProtoField.uint64("backroom.ack", "Next segment expected"),
  accepted_round = ProtoField.uint16("backroom.accepted_round", "Round of the last one accepted"),
  gap = ProtoField.bool("backroom.gap", "A segment beyond a gap arrived"),
  gap_round = ProtoField.uint16("backroom.gap_round", "Round of that segment"),
  free = ProtoField.uint32("backroom.free", "Free segments"),
  tag = ProtoField.bytes("backroom.tag", "Authentication tag"),
  unsealed = ProtoField.bool("backroom.unsealed", "Never sealed: written by the lab"),
}
backroom.fields = f

-- A capture may contain only the start of a datagram.
local function captured(buffer, offset, length)
  return buffer:len() >= offset + length
end

local function is_unsealed(buffer, tag_offset)
  return captured(buffer, tag_offset, TAG) and buffer(tag_offset, TAG):string() == UNSEALED
end

local function add_tag(tree, buffer, offset)
  if not captured(buffer, offset, TAG) then return end
  tree:add(f.tag, buffer(offset, TAG))
  tree:add(f.unsealed, buffer(offset, TAG), is_unsealed(buffer, offset)):set_generated()
end

local function dissect_segment(buffer, tree, pinfo)
  tree:add(f.round, buffer(11, 2))
  tree:add(f.seq, buffer(13, 8))
  local payload = buffer:reported_len() - HEADER - TAG
  if payload > 0 and captured(buffer, HEADER, payload) then
    tree:add(f.payload, buffer(HEADER, payload))
  end
  add_tag(tree, buffer, HEADER + payload)
  pinfo.cols.info = string.format("segment %s, round %d, %d bytes", buffer(13, 8):uint64(), buffer(11, 2):uint(), payload)
end

local function dissect_ack(buffer, tree, pinfo)
  tree:add(f.receiver, buffer(11, 2))
  tree:add(f.counter, buffer(13, 8))
  if not captured(buffer, HEADER, ACK_BODY) then return end
  if is_unsealed(buffer, HEADER + ACK_BODY) then
    tree:add(f.ack, buffer(21, 8))
    tree:add(f.accepted_round, buffer(29, 2))
    tree:add(f.gap, buffer(31, 1))
    tree:add(f.gap_round, buffer(32, 2))
    tree:add(f.free, buffer(34, 4))
    local gap = buffer(31, 1):uint() == 1 and ", gap" or ""
    pinfo.cols.info = string.format("ACK %s%s", buffer(21, 8):uint64(), gap)
  else
    tree:add(f.sealed, buffer(HEADER, ACK_BODY))
    pinfo.cols.info = string.format("ACK (sealed), counter %s", buffer(13, 8):uint64())
  end
  add_tag(tree, buffer, HEADER + ACK_BODY)
end

function backroom.dissector(buffer, pinfo, tree)
  if buffer:len() < HEADER then return 0 end
  local kind = buffer(0, 1):uint()
  if KINDS[kind] == nil then return 0 end
  pinfo.cols.protocol = "backroom"
  local subtree = tree:add(backroom, buffer(), "backroom " .. KINDS[kind])
  subtree:add(f.kind, buffer(0, 1))
  subtree:add(f.transfer, buffer(1, 8))
  subtree:add(f.lane, buffer(9, 2))
  if kind == DATA_KIND then
    dissect_segment(buffer, subtree, pinfo)
  else
    dissect_ack(buffer, subtree, pinfo)
  end
  return buffer:len()
end

-- Checks the kind, the matching length, and that numbers are below 2^40, which no transfer reaches.
local function looks_like_it(buffer, pinfo, tree)
  if buffer:len() < HEADER then return false end
  local kind, length = buffer(0, 1):uint(), buffer:reported_len()
  local fits = (kind == ACK_KIND and length == ACK) or (kind == DATA_KIND and length > HEADER + TAG)
  if not fits or buffer(13, 3):uint() ~= 0 or buffer(9, 2):uint() > 1024 then return false end
  backroom.dissector(buffer, pinfo, tree)
  return true
end

backroom:register_heuristic("udp", looks_like_it)
DissectorTable.get("udp.port"):add_for_decode_as(backroom)
