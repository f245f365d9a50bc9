-- The same GET again and again; address and headers come from the command line.

require "figures"
