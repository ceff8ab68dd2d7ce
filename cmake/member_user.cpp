// What the precompiled header of member.cmake belongs to.
